import { setTimeout as sleep } from 'node:timers/promises'
import type { NewRetake, Retake } from '@outlast/contract'
import { ApiError } from '../../errors.ts'
import type { InnerCalls } from './inner-calls.ts'

const idleWaitMs = 10_000
const idlePauseMs = 100

/**
 * Retakes a message, and cancels the turn that runs. The retake is tried first: one that is refused
 * for another reason leaves the turn running.
 * Contract: throws the errors of both operations.
 */
export async function retakeNow(
  { run }: Pick<InnerCalls, 'run'>,
  sessionId: string,
  wanted: NewRetake,
): Promise<Retake> {
  const path = `/v1/sessions/${sessionId}`
  const deadline = Date.now() + idleWaitMs
  for (;;) {
    try {
      return await run<Retake>('POST', `${path}/retake`, wanted)
    } catch (error) {
      const isBusy = error instanceof ApiError && error.code === 'session_not_idle'
      if (!isBusy || Date.now() >= deadline) throw error
    }
    await run('POST', `${path}/cancel`)
    await sleep(idlePauseMs)
  }
}
