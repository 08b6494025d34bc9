/** Runs in each page before its own code, and measures delays that a user would notice. */
{
  const rowBox = '.session-row input[type=checkbox]'
  const rowSelected = '.session-row[data-selected=true]'

  /** Calls back once the current content of the document has been painted. */
  function whenPainted(work) {
    requestAnimationFrame(() => {
      const { port1, port2 } = new MessageChannel()
      port1.onmessage = work
      port2.postMessage(undefined)
    })
  }

  /** Calls `look` now and after each change of the document, until it is true. */
  function watch(look) {
    if (look()) return
    const observer = new MutationObserver(() => look() && observer.disconnect())
    observer.observe(document, {
      attributes: true,
      characterData: true,
      childList: true,
      subtree: true,
    })
  }

  /** Clicks the first drawn row; the list has answered when the row is drawn as selected. */
  const answered = new Promise((resolve) => {
    watch(() => {
      const box = document.querySelector(rowBox)
      if (!box) return false
      whenPainted(() => {
        const shownMs = performance.now()
        watch(() => {
          if (!document.querySelector(rowSelected)) return false
          whenPainted(() => resolve({ shownMs, answeredMs: performance.now() }))
          return true
        })
        box.click()
      })
      return true
    })
  })

  /** The browser reports it some time later. */
  const painted = new Promise((resolve) => {
    new PerformanceObserver((list) => {
      const paint = list.getEntriesByName('first-contentful-paint')[0]
      if (paint) resolve(paint.startTime)
    }).observe({ type: 'paint', buffered: true })
  })

  const read = new Promise((resolve) => {
    watch(() => {
      if (!document.querySelector('[role=log][aria-busy=false] .line')) return false
      whenPainted(() => resolve(performance.now()))
      return true
    })
  })

  let frames = []
  let longMs = []
  let last = 0
  const long = new PerformanceObserver((list) => {
    longMs.push(...list.getEntries().map(({ duration }) => duration))
  })

  function frame(now) {
    if (last === 0) return
    frames.push(now - last)
    last = now
    requestAnimationFrame(frame)
  }

  const words = []

  /** Records when each numbered word of the newest reply was painted, until the last one. */
  const wordsUntil = (last) =>
    new Promise((resolve) => {
      let shown = -1
      watch(() => {
        const reply = [...document.querySelectorAll('.message.agent .markdown')].at(-1)
        const found = /w(\d+)\W*$/.exec(reply?.lastElementChild?.textContent ?? '')
        const word = found ? Number(found[1]) : -1
        if (word !== -1 && word !== shown) {
          shown = word
          whenPainted(() => {
            words.push({ word, at: Date.now() })
            if (word === last) resolve(words)
          })
        }
        return word === last
      })
    })

  globalThis.probe = {
    firstPaint: () => painted,
    listAnswers: async () => ({ paintMs: await painted, ...(await answered) }),
    conversationShown: () => read,
    startFrames() {
      frames = []
      longMs = []
      long.observe({ type: 'longtask' })
      requestAnimationFrame((now) => {
        last = now
        requestAnimationFrame(frame)
      })
    },
    stopFrames() {
      last = 0
      long.disconnect()
      return { frames, longMs }
    },
    wordsUntil,
    /** Clicks a part; returns the time until another one is painted, in ms. */
    opens: (clicked, shown) =>
      new Promise((resolve) => {
        const begun = performance.now()
        document.querySelector(clicked).closest('button').click()
        watch(() => {
          if (!document.querySelector(shown)) return false
          whenPainted(() => resolve(performance.now() - begun))
          return true
        })
      }),
  }
}
