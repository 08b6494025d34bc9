import type { FastifyReply, FastifyRequest } from 'fastify'
import { networkOf } from '../../access/address.ts'
import { type Level, limitedId, type Principal } from '../../access/principal.ts'
import type { Config } from '../../config.ts'
import { ApiError } from '../../errors.ts'
import { createShares, type Shares } from '../../shares.ts'
import type { Api } from '../core/api.ts'
import { addressOf } from '../core/audit-entry.ts'
import { watchVerified } from '../security/verification.ts'
import { type Frames, openFrames, type StreamEnvelope } from './event-stream.ts'
import { createHeartbeat } from './heartbeat.ts'

export type StreamTerms = {
  signOfLife?: 'comment' | 'event' | undefined
  /** Access level of the caller. If given, the stream ends when the level changes. */
  level?: Level
  envelope?: StreamEnvelope
  /** Length of texts that the stream keeps in memory. Default: 0. */
  keptLength?: number | undefined
}

/**
 * Shares of reads for session streams: few at once, organizations in turn. A stream that lacks few
 * events does not wait behind those that read long logs.
 */
export type StreamReads = { near: Shares; far: Shares }

/** The open streams of this node. */
export type Streams = {
  /** Starts a stream as the response. Contract: throws `shutting_down` and `too_many_streams`. */
  open: (request: FastifyRequest, reply: FastifyReply, terms: StreamTerms) => Frames
  /**
   * Counts frames that a request collects for its own response. The result ends the count.
   * Contract: as `open`.
   */
  hold: (request: FastifyRequest, frames: Frames) => () => void
  /** Closes every stream with a reason. */
  close: (reason: string) => void
  count: () => number
  reads: StreamReads
}

/** Reads at once. Together they leave turns a connection when requests use their whole share. */
const nearReads = 2
const farReads = 1

function createReads(slots: number) {
  const unlimited = Number.POSITIVE_INFINITY
  const limits = { slots, slotsEach: slots, waitingMax: unlimited, waitingEachMax: unlimited }
  return createShares(limits, () => new Error('Too many streams wait.'))
}

export function createStreams({ node, stopping }: Pick<Api, 'node' | 'stopping'>): Streams {
  const streams = new Set<Frames>()
  const { SSE_CYCLE_MS: cycleMs, SSE_STALL_MS: stallMs } = node.config
  const heartbeat = createHeartbeat(node.config.SSE_HEARTBEAT_MS)
  const counts = countStreams(node.config)

  /** A stream ends with the credential that opened it. */
  function watchAccess(request: FastifyRequest, frames: Frames, level?: Level) {
    const { principal, credential, verifyAgain } = request
    const { kind, orgId } = principal
    const end = () => frames.close('access_ended')
    if (kind === 'anonymous' || kind === 'server') return () => {}
    if (verifyAgain) return watchVerified(verifyAgain, node.log, end)
    const { channel } = principal.channel ?? {}
    return node.access.credentials.watch({ credential, orgId, level, channel }, end)
  }

  function hold(request: FastifyRequest, frames: Frames, leave: () => void, level?: Level) {
    streams.add(frames)
    const unwatch = watchAccess(request, frames, level)
    return () => {
      unwatch()
      leave()
      streams.delete(frames)
    }
  }

  function enter(request: FastifyRequest, keptLength = 0) {
    const { principal } = request
    if (stopping()) throw new ApiError('shutting_down')
    return counts.enter(principal, { network: networkOf(addressOf(request)), keptLength })
  }

  return {
    open(request, reply, { signOfLife = 'comment', level, envelope, keptLength }) {
      const leave = enter(request, keptLength)
      // The framework sends these only with its own responses; they include the CORS headers.
      for (const [name, value] of Object.entries(reply.getHeaders())) {
        if (value !== undefined) reply.raw.setHeader(name, value)
      }
      reply.hijack()
      request.raw.socket.setNoDelay(true)
      const frames = openFrames(reply.raw, { signOfLife, envelope, heartbeat, cycleMs, stallMs })
      reply.raw.on('close', hold(request, frames, leave, level))
      // The client may have disconnected before there was a listener.
      if (reply.raw.destroyed) reply.raw.emit('close')
      return frames
    },
    hold: (request, frames) => hold(request, frames, enter(request)),
    close(reason) {
      for (const frames of streams) frames.close(reason)
    },
    count: () => streams.size,
    // A stream waits at most once, so that there is a limit: the number of streams.
    reads: { near: createReads(nearReads), far: createReads(farReads) },
  }
}

const retrySeconds = 5

/** Readers of one link in one network have the streams of so many end users together. */
const readersPerNetwork = 5

/**
 * The limit of one person: of a token or an end user, or of the readers of a link in one network.
 * Keys and members have none.
 */
function limitOfPerson(
  { kind, id, isShare, endUser }: Principal,
  { own, network, max }: { own: string; network: string; max: number },
) {
  if (isShare) {
    const name = `link ${id} ${network}`
    return [{ name, max: readersPerNetwork * max, whose: 'The network' }]
  }
  const isPerson = kind === 'token' || endUser !== undefined
  return isPerson ? [{ name: `person ${own}`, max, whose: 'The end user' }] : []
}

const mebibyte = 1024 * 1024
/** Lengths of texts that the streams of a credential and an organization keep in memory. */
const keptMax = { credential: 96 * mebibyte, organization: 192 * mebibyte }

type Owner = { own: string; orgId: string }

const limitsOfKept = (size: number, { own, orgId }: Owner) =>
  size === 0
    ? []
    : [
        { name: `kept ${own}`, max: keptMax.credential, whose: 'The credential', size },
        { name: `kept org ${orgId}`, max: keptMax.organization, whose: 'The organization', size },
      ]

/** Counts the open streams of each credential and each organization on this node. */
function countStreams(config: Config) {
  const { STREAMS_PER_CREDENTIAL, STREAMS_PER_END_USER, STREAMS_PER_ORGANIZATION } = config
  const open = new Map<string, number>()
  const add = (name: string, more: number) => {
    const count = (open.get(name) ?? 0) + more
    if (count === 0) open.delete(name)
    else open.set(name, count)
  }
  return {
    /** Contract: throws 429 `too_many_streams`; the result counts the stream as closed. */
    enter(principal: Principal, of: { network: string; keptLength: number }): () => void {
      const { kind, orgId } = principal
      if (kind === 'anonymous' || kind === 'server') return () => {}
      const own = `${kind} ${limitedId(principal)}`
      const { network, keptLength } = of
      const counted = [
        { name: own, max: STREAMS_PER_CREDENTIAL, whose: 'The credential' },
        ...limitOfPerson(principal, { own, network, max: STREAMS_PER_END_USER }),
        { name: `org ${orgId}`, max: STREAMS_PER_ORGANIZATION, whose: 'The organization' },
      ].map((limit) => ({ ...limit, size: 1 }))
      const limits = [...counted, ...limitsOfKept(keptLength, { own, orgId })]
      for (const { name, max, whose, size } of limits) {
        if (max === 0 || (open.get(name) ?? 0) + size <= max) continue
        throw new ApiError('too_many_streams', whose, undefined, retrySeconds)
      }
      for (const { name, size } of limits) add(name, size)
      return () => {
        for (const { name, size } of limits) add(name, -size)
      }
    },
  }
}
