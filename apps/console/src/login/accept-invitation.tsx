import { useState } from 'react'
import { outlast } from '../client.ts'
import { Confirm } from '../shell/controls/confirm.tsx'
import { findInvitation, forgetInvitation } from './invitation.ts'
import { switchTo } from './login.ts'

/** Asks a signed-in user with an invitation whether to join. */
export function AcceptInvitation({ email }: { email: string }) {
  const [token, setToken] = useState(findInvitation)
  if (!token) return null
  return (
    <Confirm
      title="Join organization?"
      verb="Join organization"
      keep="Not now"
      color="pine"
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
      You join the organization that invited you as {email} and switch to it. You can switch back in
      Settings.
    </Confirm>
  )
}
