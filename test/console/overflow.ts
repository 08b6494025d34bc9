/** Lists animations despite reduced motion. A page expression. */
export const movesIn = `document.getAnimations()
  .filter(({ effect }) => effect.getComputedTiming().activeDuration > 0)
  .map(({ animationName, transitionProperty, effect: { target } }) =>
    'moves: ' + (animationName ?? transitionProperty) + ' of ' + target.outerHTML.slice(0, 200))`

/** Lists horizontal overflow and controls that are cut off. A page expression. */
export const overflowsIn = `(() => {
  const scrolls = (box) => box.scrollWidth > box.clientWidth
  const isScroller = (box) => /auto|scroll/.test(getComputedStyle(box).overflowX) && scrolls(box)
  const page = document.documentElement
  const found = scrolls(page) ? ['the page scrolls sideways'] : []
  for (const box of document.querySelectorAll('.scroll:not(.trace)')) {
    if (scrolls(box)) found.push('scrolls sideways: ' + box.outerHTML.slice(0, 200))
  }
  const isSeen = (one) =>
    one.checkVisibility({ visibilityProperty: true, opacityProperty: true }) && one.offsetWidth > 1
  function isCutOff(control) {
    const { left, right } = control.getBoundingClientRect()
    for (let box = control.parentElement; box; box = box.parentElement) {
      if (isScroller(box)) return false
      const edge = box.getBoundingClientRect()
      const clips = box === document.body || getComputedStyle(box).overflowX !== 'visible'
      if (clips && (left < edge.left - 1 || right > edge.right + 1)) return true
    }
    return false
  }
  for (const control of document.querySelectorAll('a[href], button, input, textarea')) {
    if (isSeen(control) && isCutOff(control)) found.push('cut off: ' + control.outerHTML.slice(0, 200))
  }
  return found
})()`
