import { createShares, type Slot } from '../shares.ts'
import { type ByteAccount, createByteAccount, createByteAccounts } from './byte-account.ts'
import { withBody } from './response-body.ts'

const mebibyte = 1024 * 1024

/** Limits of fetched bytes in memory, and of concurrent fetches. */
const bytesMax = { node: 512 * mebibyte, organization: 192 * mebibyte, turn: 64 * mebibyte }
const ofNode = { slots: 128, slotsEach: 32, waitingMax: 10_000, waitingEachMax: 2_000 }
const ofTurn = { slots: 16, slotsEach: 16, waitingMax: 1_000, waitingEachMax: 1_000 }

/** Bytes of a body that are read before its reader requests them. */
const readAhead = 256 * 1024

/** Error code of a fetch without a slot, and of a body without room. */
export const fetchBudgetCode = 'ERR_FETCH_BUDGET'

const fetchBudgetError = (message: string) =>
  Object.assign(new Error(message), { code: fetchBudgetCode })
const tooManyBytes = () =>
  fetchBudgetError('Too many bytes are being fetched at once. Try again later.')
const tooManyFetches = () => fetchBudgetError('Too many fetches are waiting. Try again later.')

/** The fetches of one tool call, or of the images of one model call. */
export type FetchScope = {
  fetch: typeof fetch
  /** Cancels unread bodies and releases their bytes and slots. */
  end: () => void
}

/** The fetch budget of a turn, which all its fetches share. */
export type FetchBudget = {
  scope: (fetch: typeof globalThis.fetch) => FetchScope
  /** For bytes that stay in memory after their body was read. */
  account: ByteAccount
  /** Releases all bytes and slots of the turn. */
  end: () => void
}

export type FetchBudgets = {
  openTurn: (orgId: string) => FetchBudget
  /** The account of an organization, for connections that outlive a turn. */
  accountOf: (orgId: string) => ByteAccount
}

/**
 * Creates the budgets of a node. A turn's budget is part of its organization's, which is part of
 * the node's.
 */
export function createFetchBudgets(): FetchBudgets {
  const nodeShares = createShares(ofNode, tooManyFetches)
  const accountOf = createByteAccounts(bytesMax)

  return {
    accountOf,
    openTurn(orgId) {
      const account = createByteAccount(bytesMax.turn, accountOf(orgId))
      // Created on demand: most turns fetch nothing.
      let used: { takeSlot: TakeSlot; ending: AbortController } | undefined
      return {
        account,
        scope: (fetch) =>
          openScope(fetch, () => {
            used ??= { takeSlot: slotsOfTurn(orgId), ending: new AbortController() }
            return { account, takeSlot: used.takeSlot, ending: used.ending.signal }
          }),
        end() {
          used?.ending.abort(new Error('The turn has ended.'))
          account.give(account.held)
        },
      }
    },
  }

  function slotsOfTurn(orgId: string): TakeSlot {
    const shares = createShares(ofTurn, tooManyFetches)
    return async (signal) => {
      const freeOwn = await shares.slot(orgId, signal)
      try {
        const free = await nodeShares.slot(orgId, signal)
        return () => {
          free()
          freeOwn()
        }
      } catch (error) {
        freeOwn()
        throw error
      }
    }
  }
}

type TakeSlot = (signal: AbortSignal) => Promise<Slot>

type Within = { account: ByteAccount; takeSlot: TakeSlot; ending: AbortSignal }

function openScope(reach: typeof fetch, within: () => Within): FetchScope {
  let own: AbortController | undefined
  return {
    end: () => own?.abort(new Error('The call that fetched this has ended.')),
    async fetch(input, init) {
      const { account, takeSlot, ending } = within()
      own ??= new AbortController()
      const given = init?.signal ? [init.signal] : []
      const signal = AbortSignal.any([own.signal, ending, ...given])
      signal.throwIfAborted()
      const free = await takeSlot(signal).catch((error) => {
        // A time limit that ends a wait for a slot is not a fault of the server.
        throw (error as Error).name === 'TimeoutError' ? tooManyFetches() : error
      })
      try {
        const response = await reach(input, { ...init, signal })
        return metered(response, { account, signal, onEnd: free })
      } catch (error) {
        free()
        throw error
      }
    },
  }
}

type Meter = {
  account: ByteAccount
  signal: AbortSignal | undefined
  onEnd: () => void
  /** Bytes that the reader keeps after a piece. Default: all until the end of the body. */
  keeps?: (piece: Uint8Array) => number
}

/** Counts the bytes of a response's body until it ends, is canceled or `signal` aborts. */
export function metered(response: Response, meter: Meter): Response {
  if (!response.body) {
    meter.onEnd()
    return response
  }
  return withBody(response, countedBody(response.body, meter))
}

function countedBody(
  body: ReadableStream<Uint8Array>,
  { account, signal, onEnd, keeps }: Meter,
): ReadableStream<Uint8Array> {
  const reader = body.getReader()
  let booked = 0
  let isOver = false
  const end = () => {
    if (isOver) return
    isOver = true
    signal?.removeEventListener('abort', end)
    account.give(booked)
    onEnd()
  }
  signal?.addEventListener('abort', end, { once: true })
  const source = {
    async pull(controller: ReadableStreamDefaultController<Uint8Array>) {
      const { done, value } = await reader.read().catch((error) => {
        end()
        throw error
      })
      if (done) {
        end()
        return controller.close()
      }
      if (isOver || !account.take(value.length)) {
        end()
        await reader.cancel().catch(() => {})
        throw tooManyBytes()
      }
      booked += value.length
      const kept = keeps?.(value) ?? booked
      account.give(booked - kept)
      booked = kept
      controller.enqueue(value)
    },
    async cancel(reason: unknown) {
      end()
      await reader.cancel(reason)
    },
  }
  // A program may read bodies late or never: short ones end, and free their slots, all the same.
  return new ReadableStream(source, new ByteLengthQueuingStrategy({ highWaterMark: readAhead }))
}
