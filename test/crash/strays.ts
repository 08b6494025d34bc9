/** Imported before a program: SIGUSR2 causes an unhandled rejection, SIGWINCH an uncaught exception. */
process.on('SIGUSR2', () => {
  Promise.reject(new Error('a stray rejection'))
})
process.on('SIGWINCH', () => {
  throw new Error('a stray exception')
})
