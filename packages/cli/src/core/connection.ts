import { isOutlastError, type OutlastError } from '@outlast/sdk'

type State = { isOpen: boolean; error?: OutlastError }

const keptBack =
  'Nothing comes of the stream, as behind a proxy that keeps it back: events come late, and answers whole. `outlast doctor` looks.'

/**
 * Tells of the connection of a stream. `say`: once, that it is there but brings nothing. `change`:
 * that it was lost or is there again; a server that closes one as planned is back at once.
 */
export function tellConnection({
  say,
  change,
}: {
  say: (text: string) => void
  change: (isOpen: boolean) => void
}) {
  let isTold = false
  return ({ isOpen, error }: State): void => {
    if (!isOpen && !error) return
    if (!isTold && isOutlastError(error, 'timeout')) {
      isTold = true
      say(keptBack)
    }
    change(isOpen)
  }
}

/** What a person reads when the server lost events that are on the screen. */
export const historyChanged = ({ sequence }: { sequence: number }) =>
  `The server lost events when its database failed over or was restored. What came after event ${sequence} is not in the log any more.`
