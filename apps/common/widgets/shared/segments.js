// Groups of radio buttons: one choice, told as an action and shown from the state.

import { uniqueId } from './dom.js';

/** Let a group of radio buttons dispatch {type, value} when one is chosen. */
export function wireSegments(group, type, dispatch) {
  const name = uniqueId(type);
  for (const radio of group.querySelectorAll('input')) {
    radio.name = name;
    radio.addEventListener('change', () => dispatch({ type, value: radio.value }));
  }
}

/** Check the button of this value. */
export function showSegment(group, value) {
  for (const radio of group.querySelectorAll('input')) radio.checked = radio.value === value;
}
