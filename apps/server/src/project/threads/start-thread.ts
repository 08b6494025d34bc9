import { enableCompileCache } from 'node:module'
import { workerData } from 'node:worker_threads'

/** Starts a thread. The compile cache, which threads do not share, is on before other imports. */

const { compileCache } = workerData as { compileCache: string | undefined }
if (compileCache !== undefined) enableCompileCache(compileCache)
await import('./thread.ts')
