// One class at every layer and token, made from the logits of all classes.

/** float32 logit[L][T], float32 logprob[L][T], uint16 rank[L][T] of a class, from float32 [L][T][class]. */
export function classFile(logits, nClasses, index) {
  const n = logits.length / nClasses;
  const buffer = new ArrayBuffer(10 * n);
  const [logit, chance, rank] = [new Float32Array(buffer, 0, n), new Float32Array(buffer, 4 * n, n), new Uint16Array(buffer, 8 * n, n)];
  for (let cell = 0; cell < n; cell++) {
    const row = logits.subarray(cell * nClasses, (cell + 1) * nClasses);
    let [most, above, total] = [-Infinity, 0, 0];
    for (const value of row) most = Math.max(most, value);
    for (const value of row) {
      total += Math.exp(value - most);
      if (value > row[index]) above += 1;
    }
    logit[cell] = row[index];
    chance[cell] = row[index] - most - Math.log(total);
    rank[cell] = above;
  }
  return buffer;
}
