/** A new element. Strings become text: nothing that is shown here is ever read as HTML. */
export function element(tag, className, ...children) {
  const made = document.createElement(tag)
  made.className = className
  made.append(...children)
  return made
}

/** A value as JSON that a person can read: short ones on one line. */
export function readable(value) {
  const line = JSON.stringify(value) ?? ''
  return line.length <= 60 ? line : JSON.stringify(value, null, 2)
}

const nearEndPx = 40

/** Keeps the end of a box in view while it grows, unless the reader has scrolled up or opened something. */
export function keepAtEnd(box) {
  let follows = true
  let due = false
  let top = 0

  /** Only the reader scrolls up. That the end is far says nothing: more may have come since we went there. */
  function scrolled() {
    if (box.scrollHeight - box.scrollTop - box.clientHeight < nearEndPx) follows = true
    else if (box.scrollTop < top) follows = false
    top = box.scrollTop
  }

  function toggled({ target }) {
    if (target.open) follows = false
  }

  function grew() {
    if (!follows || due) return
    due = true
    requestAnimationFrame(() => {
      due = false
      if (follows) box.scrollTop = box.scrollHeight
    })
  }

  box.addEventListener('scroll', scrolled)
  box.addEventListener('toggle', toggled, true)
  new ResizeObserver(grew).observe(box)
  new MutationObserver(grew).observe(box, { childList: true, subtree: true, characterData: true })
}
