import { Button, PasswordInput, Stack, Text } from '@mantine/core'
import { useMutation, useQuery } from '@tanstack/react-query'
import type { FormEvent } from 'react'
import { outlast } from '../client.ts'
import { authConfigQuery, meQuery } from '../login/me.ts'
import { requestSignOut } from '../login/sign-out.ts'
import { problemAt, Refusal } from '../shell/confirm.tsx'

/** Who one is, and one's password. */
export function Profile() {
  const { data: me } = useQuery(meQuery)
  const { data: config } = useQuery(authConfigQuery)
  if (!me) return null
  return (
    <>
      <section className="section">
        <h2>{me.name}</h2>
        <dl className="facts-list">
          <dt>E-mail</dt>
          <dd>{me.email}</dd>
          <dt>Role</dt>
          <dd>{me.roles.join(', ') || 'none: choose an organization first'}</dd>
          <dt>Id</dt>
          <dd>
            <code>{me.id}</code>
          </dd>
        </dl>
        <Button size="xs" variant="default" mt="md" onClick={requestSignOut}>
          Sign out in all tabs
        </Button>
      </section>
      {config?.password_auth_enabled && <Password />}
    </>
  )
}

function Password() {
  const change = useMutation({
    mutationFn: (form: FormData) =>
      outlast.auth.changePassword({
        current_password: String(form.get('current')),
        new_password: String(form.get('new')),
      }),
  })
  return (
    <section className="section" aria-label="Password">
      <h2>Password</h2>
      <p>Changing it ends your sign-ins in other browsers.</p>
      <form
        onSubmit={(event: FormEvent<HTMLFormElement>) => {
          event.preventDefault()
          const form = event.currentTarget
          change.mutate(new FormData(form), { onSuccess: () => form.reset() })
        }}
      >
        <Stack gap="sm" maw={360}>
          <PasswordInput
            name="current"
            label="Current password"
            autoComplete="current-password"
            required
            error={problemAt(change.error, 'invalid_login') && 'This is not your password.'}
          />
          <PasswordInput
            name="new"
            label="New password"
            description="At least 8 characters."
            autoComplete="new-password"
            minLength={8}
            maxLength={128}
            required
            error={problemAt(change.error, 'new_password')}
          />
          {change.isError && (
            <Refusal error={change.error} shown={['invalid_login', 'new_password']} />
          )}
          {change.isSuccess && (
            <Text size="sm" role="status">
              It is changed.
            </Text>
          )}
          <div>
            <Button size="xs" type="submit" loading={change.isPending}>
              Change the password
            </Button>
          </div>
        </Stack>
      </form>
    </section>
  )
}
