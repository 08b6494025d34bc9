/** A statement spread over many rows: the counters of an organization and its agents. */
const shardCount = 16
export const randomShard = () => Math.floor(Math.random() * shardCount)

/** The same one for all that one session counts: a transaction that counts twice locks one row. */
export const shardOf = (sessionId: string) => Number.parseInt(sessionId.slice(-1), shardCount)
