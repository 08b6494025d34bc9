/** Imported before a program: SIGUSR2 makes a promise that nobody handles fail, SIGWINCH an exception that nobody catches. */
process.on('SIGUSR2', () => {
  Promise.reject(new Error('a stray rejection'))
})
process.on('SIGWINCH', () => {
  throw new Error('a stray exception')
})
