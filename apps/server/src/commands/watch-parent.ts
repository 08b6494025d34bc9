const parentMs = 500

/**
 * Watches for the end of the parent: `npm start` runs a shell between itself and this process, and
 * a signal to npm ends only the shell.
 */
export function watchParent(gone: () => void): void {
  const parent = process.ppid
  const timer = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(timer)
    gone()
  }, parentMs)
  timer.unref()
}
