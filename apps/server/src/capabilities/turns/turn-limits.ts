import type { NetworkAccess } from '@outlast/contract'
import { invalidAt } from '../../errors.ts'
import { oddEntry, widerEntry } from '../../outbound/network-access.ts'
import { widensAgent } from '../catalog/client-tools.ts'

/** Limits of turns by an agent or by a session. */
export type GivenLimits = {
  max_iterations?: number | null | undefined
  parallel_tool_calls?: boolean | null | undefined
  network_access?: NetworkAccess | null | undefined
}

/** Refuses limits that have no meaning. Contract: throws 400 `invalid_request`. */
export function checkLimits(limits: GivenLimits, iterationsMax: number): void {
  const { max_iterations: iterations, network_access: access } = limits
  if (iterations != null && iterations > iterationsMax) {
    throw invalidAt('max_iterations', `must be at most ${iterationsMax}, the limit of the server`)
  }
  const odd = access && oddEntry(access)
  if (!odd) return
  const message = 'must be a host such as example.com or *.example.com, with a path if needed'
  throw invalidAt(`network_access/${odd}`, message)
}

/** Refuses a session that allows more than its agent. Contract: throws `session_widens_agent`. */
export function checkNarrowerLimits(agent: GivenLimits, session: GivenLimits): void {
  const { max_iterations: most, parallel_tool_calls: parallel } = session
  if (most != null && most > (agent.max_iterations ?? most)) throw widensAgent('max_iterations')
  if (parallel && agent.parallel_tool_calls === false) throw widensAgent('parallel_tool_calls')
  const { network_access: ofAgent } = agent
  const { network_access: ofSession } = session
  const wider = ofAgent && ofSession && widerEntry(ofAgent, ofSession)
  if (wider) throw widensAgent(`network_access/${wider}`)
}

/** The limits of a turn: those of the server, its agent and its session together. */
export type EffectiveLimits = {
  iterationsMax: number
  /** True when a reply may have one tool call. */
  oneCall: boolean
  /** Each list must permit a request. */
  networkAccess: readonly NetworkAccess[]
}

export function effectiveLimits(
  iterationsMax: number,
  agent: GivenLimits,
  session: GivenLimits,
): EffectiveLimits {
  const both = [agent, session]
  return {
    iterationsMax: Math.min(iterationsMax, ...both.flatMap((one) => one.max_iterations ?? [])),
    oneCall: both.some((one) => one.parallel_tool_calls === false),
    networkAccess: both.flatMap((one) => one.network_access ?? []),
  }
}
