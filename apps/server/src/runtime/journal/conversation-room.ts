import { createByteAccount, createByteAccounts } from '../../outbound/byte-account.ts'
import { createShares } from '../../shares.ts'
import { NoRoomError } from './errors.ts'
import { roomWaitMs, takeRoom } from './image-room.ts'

const mebibyte = 1024 * 1024

/** Limits of the length of long conversations that turns hold. */
const bytesMax = { node: 512 * mebibyte, organization: 192 * mebibyte }

/** Of each organization one turn at a time takes room, so that shorter ones do not overtake it. */
const waits = { slots: 10_000, slotsEach: 1, waitingMax: 10_000, waitingEachMax: 10_000 }

/** The room of a turn's conversation in the memory of this node. */
export type ConversationRoom = {
  /**
   * Takes room for a conversation that is estimated at this length, and reads it. Then the turn has
   * room for the length that it holds.
   * Contract: waits while other turns use the room. Throws NoRoomError after at most 2 minutes, so
   * that the turn frees its slot, and the signal's reason when it aborts.
   */
  open: <T extends { length: number }>(
    estimate: number,
    signal: AbortSignal,
    read: () => Promise<T>,
  ) => Promise<T>
  end: () => void
}

/** Opens the room of a turn of an organization. */
export type ConversationRooms = (orgId: string) => ConversationRoom

export function createConversationRooms(): ConversationRooms {
  const accountOf = createByteAccounts(bytesMax)
  const shares = createShares({ ...waits, waitMs: roomWaitMs }, roomTaken)
  return (orgId) => {
    const account = createByteAccount(bytesMax.organization, accountOf(orgId))
    const end = () => account.give(account.held)
    return {
      end,
      open(estimate, signal, read) {
        // A read that failed has left its room.
        end()
        const length = Math.min(estimate, bytesMax.organization)
        const readInRoom = async () => {
          if (!(await takeRoom(account, length, signal))) {
            signal.throwIfAborted()
            throw roomTaken()
          }
          const held = await read()
          end()
          // The estimate is too low for texts that PostgreSQL compresses well.
          account.add(held.length)
          return held
        }
        return shares.run(orgId, readInRoom, signal)
      },
    }
  }
}

const roomTaken = () =>
  new NoRoomError('Other turns of this node use the room for long conversations.')
