/** Messages between `outlast dev` and the processes that run the server. */

/** The database that the child uses instead of its own settings. */
export type HeldDatabase = { url: string; masterKeys: readonly string[] }

/** The embedded database that a child's settings ask for. */
export type WantedDatabase = { dataDir: string; needsKeys: boolean }

export type ToChild =
  /** Load the project. */
  | { type: 'load' }
  /** Start all parts, without listening yet. */
  | { type: 'prepare'; database: HeldDatabase | undefined }
  /** Listen. All processes use `freePort` for the port 0. */
  | { type: 'listen'; freePort: number }
  /** Problems of newer code that does not load, for the API of this server. */
  | { type: 'problems'; problems: readonly string[] }
  /** Release the port, hand over turns, and end. */
  | { type: 'leave' }

export type FromChild =
  /** The project is loaded. `embedded`: undefined with another database. */
  | {
      type: 'loaded'
      /** Time that its work has to end once it leaves, in ms. */
      graceMs: number
      embedded: WantedDatabase | undefined
      contents: string
      warnings: readonly string[]
      /** Sentences about variables of the environment that have no effect. */
      unused: readonly string[]
    }
  | { type: 'prepared' }
  | { type: 'ready'; url: string }
  /**
   * `isProject`: a file of the project has to change. `isPassing`: the database did not answer.
   * `takenPort`: another program uses it.
   */
  | {
      type: 'failed'
      problems: readonly string[]
      isProject: boolean
      isPassing?: boolean
      takenPort?: number | undefined
    }
