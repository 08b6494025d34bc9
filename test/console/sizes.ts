/** Lists texts smaller than 12 pixels. A page expression. */
export const smallTextsIn = `(() => {
  const found = new Map()
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  while (walker.nextNode()) {
    const { parentElement: box, data } = walker.currentNode
    if (data.trim() === '' || !box.checkVisibility({ visibilityProperty: true })) continue
    const size = parseFloat(getComputedStyle(box).fontSize)
    if (size < 12) found.set(box.className + size, size + ' px: ' + box.outerHTML.slice(0, 200))
  }
  return [...found.values()]
})()`

/**
 * Lists controls whose hit area is smaller than 44 pixels on a touch screen: their own box, a label
 * or field around them, or the row that they cover. Links inside a text have the height of its
 * lines, rows of turns, steps and files that of their virtual lists. A page expression.
 */
export const smallTargetsIn = `(() => {
  const isSeen = (one) =>
    one.checkVisibility({ visibilityProperty: true, opacityProperty: true }) && one.offsetWidth > 1
  const areaOf = (one) =>
    one.closest('label, .mantine-Checkbox-root, .mantine-Switch-root, .mantine-Input-input') ??
    (one.matches('.list-link, .session-link') ? one.closest('li') : one)
  const isInText = (one) => getComputedStyle(one).display === 'inline' || one.closest('dd')
  const found = new Map()
  for (const one of document.querySelectorAll('a[href], button, input, textarea, [role=option]')) {
    if (!isSeen(one) || isInText(one) || one.matches('.turn, .step, .tree-row')) continue
    const { width, height } = areaOf(one).getBoundingClientRect()
    if (height > 43 && width > 23) continue
    found.set(one.className, [Math.round(width), Math.round(height)] + ': ' + one.outerHTML.slice(0, 160))
  }
  return [...found.values()]
})()`

/** Lists rows of lists that are higher than 40 pixels. A page expression. */
export const tallRowsIn = `[...document.querySelectorAll('.list-row, .session-row')]
  .filter((row) => row.getBoundingClientRect().height > 40)
  .map((row) => row.getBoundingClientRect().height + ': ' + row.outerHTML.slice(0, 160))`
