// The clipboard, where the browser and the visitor let us.

/** Put a text there; false where that is not possible. */
export async function toClipboard(text) {
  if (!navigator.clipboard) return false;
  return navigator.clipboard.writeText(text).then(
    () => true,
    () => false,
  );
}
