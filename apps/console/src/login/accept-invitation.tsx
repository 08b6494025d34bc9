import { useState } from 'react'
import { outlast } from '../client.ts'
import { Confirm } from '../shell/confirm.tsx'
import { findInvitation, forgetInvitation } from './invitation.ts'
import { switchTo } from './login.ts'

/** Asks somebody who is signed in and came by an invitation whether to join. */
export function AcceptInvitation({ email }: { email: string }) {
  const [token, setToken] = useState(findInvitation)
  if (!token) return null
  return (
    <Confirm
      title="You are invited"
      verb="Join"
      keep="Not now"
      color="indigo"
      close={() => {
        forgetInvitation()
        setToken(null)
      }}
      act={async () => {
        const { id } = await outlast.organizations.acceptInvitation({ token })
        forgetInvitation()
        await switchTo(id)
      }}
    >
      Join the organization that invited you, as {email}? You switch to it, and can switch back in
      the settings.
    </Confirm>
  )
}
