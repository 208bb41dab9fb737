// What is wrong with how the page is laid out, as a list of sentences. `paper`: nothing can be scrolled there.
({ paper }) => {
  const faults = new Set();
  const root = document.documentElement;
  const short = (text) => text.trim().replace(/\s+/g, ' ').slice(0, 60);
  const say = (what, node) => faults.add(`${what}: <${node.tagName.toLowerCase()}> ${short(node.textContent)}`);
  const shown = (node) => node.checkVisibility({ visibilityProperty: true });
  const cuts = (value) => value === 'hidden' || value === 'clip';
  const scrolls = (value) => value === 'auto' || value === 'scroll';

  if (root.scrollWidth > root.clientWidth) {
    faults.add(`the page is ${root.scrollWidth} px wide where ${root.clientWidth} are to be had`);
  }

  for (const box of document.querySelectorAll('body, body *')) {
    if (!(box instanceof HTMLElement) || !shown(box) || !box.innerText.trim()) continue;
    const style = getComputedStyle(box);
    if (style.display === 'inline') continue;
    const wide = box.scrollWidth > box.clientWidth + 1;
    const high = box.scrollHeight > box.clientHeight + 1;
    if ((cuts(style.overflowX) && wide) || (cuts(style.overflowY) && high)) say('text is cut off by its box', box);
    else if (wide && (paper || !scrolls(style.overflowX))) say('text spills out of its box', box);
  }

  const lines = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode;
    const parent = text.parentElement;
    if (!text.data.trim() || parent.matches('title, style, script') || !shown(parent)) continue;
    const range = document.createRange();
    range.selectNodeContents(text);
    for (const rect of range.getClientRects()) {
      if (rect.width > 0.5) lines.push({ rect, parent, text });
    }
  }

  const perText = new Map();
  for (const { text } of lines) perText.set(text, (perText.get(text) ?? 0) + 1);
  for (const text of perText.keys()) {
    if (perText.get(text) < 2 || text.parentElement.closest('.long, pre')) continue;
    for (const word of text.data.matchAll(/[\p{L}\p{N}]{2,24}(?![\p{L}\p{N}])/gu)) {
      if (/[\p{L}\p{N}]/u.test(text.data[word.index - 1] ?? ' ')) continue;
      const range = document.createRange();
      range.setStart(text, word.index);
      range.setEnd(text, word.index + word[0].length);
      if (range.getClientRects().length > 1) say(`the word "${word[0]}" is broken`, text.parentElement);
    }
  }

  for (const { rect, parent } of lines) {
    const inBox = parent.closest('.scroll, pre');
    const scrolled = !paper && inBox && inBox.scrollWidth > inBox.clientWidth;
    if (!scrolled && (rect.left < -1 || rect.right > root.clientWidth + 1)) say('text leaves the page', parent);
    const drawing = parent.closest('svg');
    if (drawing) {
      const box = drawing.getBoundingClientRect();
      const within = rect.left >= box.left - 1 && rect.right <= box.right + 1 && rect.bottom <= box.bottom + 2;
      if (!within) say('a label leaves its drawing', parent);
    }
  }

  lines.sort((one, other) => one.rect.top - other.rect.top);
  lines.forEach(({ rect, parent, text }, at) => {
    for (let next = at + 1; next < lines.length && lines[next].rect.top < rect.bottom - 3; next += 1) {
      const other = lines[next];
      const across = Math.min(rect.right, other.rect.right) - Math.max(rect.left, other.rect.left);
      if (across > 1 && other.text !== text) say(`"${short(other.text.data)}" lies over text`, parent);
    }
  });
  return [...faults];
}
