import { isOutlastError, type OutlastError } from '@outlast/sdk'

type State = { isOpen: boolean; error?: OutlastError }

const buffered =
  'The stream is open but sends nothing. A proxy may buffer it: events are late and answers arrive whole. `outlast doctor` finds the cause.'

/**
 * Reports the state of a stream's connection. `notify` is called once, for a stream that sends
 * nothing. `change` is called when the connection is lost or restored. A planned reconnect is not
 * reported.
 */
export function reportConnection({
  notify,
  change,
}: {
  notify: (text: string) => void
  change: (isOpen: boolean) => void
}) {
  let isNotified = false
  return ({ isOpen, error }: State): void => {
    if (!isOpen && !error) return
    if (!isNotified && isOutlastError(error, 'timeout')) {
      isNotified = true
      notify(buffered)
    }
    change(isOpen)
  }
}

/** Message for a server that lost events which are already printed. */
export const historyChanged = ({ sequence }: { sequence: number }) =>
  `The server lost events when its database failed over or was restored. Events after ${sequence} are no longer in the log.`
