/** Declares the suites of a process of `scripts/test.ts`. */
import { type AsyncHook, createHook } from 'node:async_hooks'
import { suite } from 'node:test'

/**
 * Declares each file as a suite.
 *
 * `node:test` has an async hook that follows every promise of the process, to find the suite in
 * which a test is declared. It is of no use once all files are loaded, and takes a seventh of the
 * processor time of the tests. An error outside of all tests still fails the run.
 */
export async function declare(files: [name: string, url: string][]) {
  const hook = nextHook()
  const loads = files.map(([name, url]) => {
    const { promise, resolve } = Promise.withResolvers<void>()
    suite(name, () => import(url).finally(resolve))
    return promise
  })
  await Promise.all(loads)
  hook()?.disable()
  // Without the hook, the report has only their messages.
  for (const event of ['uncaughtExceptionMonitor', 'unhandledRejection'] as const) {
    process.on(event, (error: unknown) => console.error(error))
  }
}

/** Returns a function that returns the first hook which is enabled after this call. */
function nextHook(): () => AsyncHook | undefined {
  let found: AsyncHook | undefined
  const { prototype } = createHook({}).constructor as { prototype: AsyncHook }
  const { enable } = prototype
  prototype.enable = function (this: AsyncHook) {
    found = this
    prototype.enable = enable
    return enable.call(this)
  }
  return () => found
}
