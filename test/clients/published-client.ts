/** A version of a published client that `npm run test:clients` has prepared, or the error. */
export type PublishedClient = {
  name: string
  /** Whether a failure of this client fails the test. */
  required: boolean
  /** A program that drives a server with it. */
  command?: string[]
  problem?: string
}
