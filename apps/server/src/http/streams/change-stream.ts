import { isOperator, type Principal } from '../../access/principal.ts'
import { type ChangeFeed, type ChangeFrame, resetFrame } from './change-feed.ts'
import type { Frames } from './event-stream.ts'

/** Unsent UTF-16 units above which a client counts as slow. */
const heldLengthMax = 4_000_000

/**
 * Sends one client the changes of its organization. While the client does not read, pending changes
 * are queued: the latest state of each resource, and above the limit only a `reset`.
 */
export function followChanges(feed: ChangeFeed, frames: Frames, principal: Principal): void {
  const held = new Map<string, string>()
  let heldLength = 0

  const stop = feed.add({
    orgId: principal.orgId,
    hears: (noun) => hears(principal, noun),
    tell,
    close: frames.close,
  })
  frames.listen({ drained: sendHeld, ended: stop })

  function tell(all: readonly ChangeFrame[]) {
    if (heldLength > heldLengthMax) giveUp()
    frames.together(() => {
      for (const told of all) {
        if (held.size > 0 || frames.isFull()) hold(told)
        else frames.write(told.frame)
      }
    })
  }

  function hold({ key, frame }: ChangeFrame) {
    heldLength += frame.length - (held.get(key)?.length ?? 0)
    // Moved to the end also if it was queued: changes of a resource keep their order.
    held.delete(key)
    held.set(key, frame)
  }

  function giveUp() {
    held.clear()
    held.set('reset', resetFrame)
    heldLength = resetFrame.length
  }

  function sendHeld() {
    for (const [key, frame] of held) {
      if (frames.isFull()) return
      held.delete(key)
      heldLength -= frame.length
      frames.write(frame)
    }
  }
}

/** Nodes are visible to operators, and invitations to administrators. */
function hears(principal: Principal, noun: string): boolean {
  if (noun === 'worker') return isOperator(principal)
  return noun !== 'invitation' || principal.level === 'admin'
}
