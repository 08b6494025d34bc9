/**
 * One row's counter is spread over this many rows, for an organization and for each of its agents.
 */
const shardCount = 16
export const randomShard = () => Math.floor(Math.random() * shardCount)

/**
 * Returns the shard of a session. It is constant, so that a transaction that counts twice locks one
 * row.
 */
export const shardOf = (sessionId: string) => Number.parseInt(sessionId.slice(-1), shardCount)
