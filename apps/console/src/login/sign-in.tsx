import {
  Alert,
  Anchor,
  Button,
  Center,
  Paper,
  PasswordInput,
  Stack,
  TextInput,
  Title,
} from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { type FormEvent, useEffect, useState } from 'react'
import { outlast, sentenceOf } from '../client.ts'
import { signedIn } from './login.ts'

const providerNames: Record<string, string> = {
  google: 'Google',
  github: 'GitHub',
  oidc: 'single sign-on',
}

/** Why a sign-in elsewhere did not succeed, as the address says when one comes back. */
const sentences: Record<string, string> = {
  email_not_allowed: 'Your address is not at a domain that may sign in here.',
  email_taken: 'Your address has an account here already: sign in the way you did before.',
  registration_disabled: 'Only who is invited may sign in here for the first time.',
  oauth_unavailable: 'The other service cannot be reached. Try again.',
}

function broughtBack(): string {
  const code = new URLSearchParams(location.search).get('sign_in')
  return code === null ? '' : (sentences[code] ?? 'Signing in did not succeed. Try again.')
}

/** It is told once, not again after a reload. */
function forgetBroughtBack(): void {
  const address = new URL(location.href)
  if (!address.searchParams.has('sign_in')) return
  address.searchParams.delete('sign_in')
  history.replaceState(history.state, '', address)
}

/** Stands in the place of everything else until somebody is signed in. */
export function SignIn() {
  const config = useQuery({ queryKey: ['auth-config'], queryFn: () => outlast.auth.getConfig() })
  const [isNew, setNew] = useState(false)
  const [problem, setProblem] = useState(broughtBack)
  const [isBusy, setBusy] = useState(false)
  useEffect(forgetBroughtBack, [])

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    const [email, password, name] = ['email', 'password', 'name'].map((field) =>
      String(form.get(field) ?? '').trim(),
    ) as [string, string, string]
    setProblem('')
    setBusy(true)
    try {
      if (isNew) await outlast.auth.register({ email, password, name })
      else await outlast.auth.login({ email, password })
      signedIn()
    } catch (error) {
      setProblem(sentenceOf(error))
    }
    setBusy(false)
  }

  const { password_auth_enabled, signup_enabled, oauth_providers = [] } = config.data ?? {}
  return (
    <Center mih="100dvh" p="md">
      <Paper withBorder p="xl" w={380} maw="100%">
        <Title order={1} size="h3" mb="md">
          {isNew ? 'Create an account' : 'Sign in'}
        </Title>
        {password_auth_enabled && (
          <form onSubmit={submit}>
            <Stack gap="sm">
              {isNew && <TextInput name="name" label="Name" autoComplete="name" required />}
              <TextInput
                name="email"
                type="email"
                label="E-mail"
                autoComplete="email"
                required
                autoFocus
              />
              <PasswordInput
                name="password"
                label="Password"
                autoComplete={isNew ? 'new-password' : 'current-password'}
                required
              />
              {problem && (
                <Alert color="red" role="alert">
                  {problem}
                </Alert>
              )}
              <Button type="submit" loading={isBusy}>
                {isNew ? 'Create the account' : 'Sign in'}
              </Button>
              {signup_enabled && (
                <Anchor component="button" type="button" onClick={() => setNew(!isNew)}>
                  {isNew ? 'Sign in instead' : 'Create an account'}
                </Anchor>
              )}
            </Stack>
          </form>
        )}
        <Stack gap="sm" mt="md">
          {oauth_providers.map((provider) => (
            <Button
              key={provider}
              variant="default"
              component="a"
              href={outlast.auth.oauthUrl(provider)}
            >
              Continue with {providerNames[provider] ?? provider}
            </Button>
          ))}
        </Stack>
      </Paper>
    </Center>
  )
}
