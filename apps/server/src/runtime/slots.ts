/** Slots for turns of the queue. A runner's workers hold one each while they look for a job. */
export type Slots = {
  /**
   * Adds workers of a new runner. They poll at once: for a while there may be more turns than
   * slots.
   */
  join: (workers: number) => SlotMember
}

export type SlotMember = {
  /**
   * Runs a turn in the slot of the worker that found its job. Resolves when the turn has started
   * and the worker has another slot: its next turn can start at once.
   */
  run: (turn: (begun: () => void) => Promise<void>) => Promise<void>
  /** False while a worker waits for a slot. */
  hasSlots: () => boolean
  /** Releases the slots of the workers, which take no other job. */
  leave: () => void
}

export function createSlots(count: number): Slots {
  let free = count
  let freed = Promise.withResolvers<void>()

  function release(slots: number) {
    free += slots
    freed.resolve()
    freed = Promise.withResolvers()
  }

  function join(workers: number): SlotMember {
    let held = workers
    let isOpen = true
    free -= workers
    return {
      async run(turn) {
        if (isOpen) held -= 1
        else free -= 1
        const begun = Promise.withResolvers<void>()
        void turn(begun.resolve).finally(() => {
          release(1)
          begun.resolve()
        })
        await begun.promise
        while (isOpen && free <= 0) await freed.promise
        if (!isOpen) return
        free -= 1
        held += 1
      },
      hasSlots: () => held === workers,
      leave() {
        isOpen = false
        release(held)
        held = 0
      },
    }
  }

  return { join }
}
