import { useState } from 'react'
import { useOutboxState } from '../sessions/composer/outbox-state.ts'
import { Confirm } from '../shell/controls/confirm.tsx'
import { signOut } from './login.ts'

/** Asks before unsent messages are deleted. */
export function SignOutQuestion({ close }: { close: () => void }) {
  const [count] = useState(useOutboxState().stored.length)
  return (
    <Confirm
      title="Delete unsent messages and sign out?"
      verb="Delete and sign out"
      act={signOut}
      close={close}
    >
      {count === 1 ? 'One message has' : `${count} messages have`} not reached the server. Signing
      out deletes what this browser stores.
    </Confirm>
  )
}
