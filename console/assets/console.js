// Hides the values that a page shows: after a minute, on request, and when the page is left. Loads a page
// again that waits for something.
'use strict';

const hideAfterMs = 60_000;
const values = document.querySelectorAll('[data-plaintext]');
const status = document.querySelector('[data-plaintext-status]');
const button = document.querySelector('[data-hide-plaintext]');

function hide() {
  for (const value of values) {
    // what a person is still typing is theirs to keep
    if (value instanceof HTMLTextAreaElement && value.value !== value.defaultValue) continue;
    if (value instanceof HTMLTextAreaElement) value.value = value.defaultValue = '';
    else {
      value.textContent = 'hidden';
      value.classList.add('muted');
    }
  }
  if (status) status.textContent = 'The values are hidden. Reveal or look up again to see them.';
  button?.remove();
}

if (values.length > 0) {
  setTimeout(hide, hideAfterMs);
  // a browser may keep the page in memory for its back button
  addEventListener('pagehide', hide);
}
button?.addEventListener('click', (event) => {
  event.preventDefault();
  hide();
});

if (document.querySelector('[data-reload]')) setTimeout(() => location.reload(), 2_000);
