/** Imported before a program: SIGUSR2 rejects a promise, SIGWINCH throws; both unhandled. */
process.on('SIGUSR2', () => {
  Promise.reject(new Error('a stray rejection'))
})
process.on('SIGWINCH', () => {
  throw new Error('a stray exception')
})
