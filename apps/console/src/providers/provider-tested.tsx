import { Text } from '@mantine/core'
import type { ProviderTestResult } from '@outlast/sdk'
import { State } from '../shell/screen/state.tsx'

type TestedProps = {
  result: ProviderTestResult
  /** Shown after a failure. Default: a fix for its kind. */
  hint?: string
}

/** The result of a test of a provider. */
export function ProviderTested({
  result: { ok, model, latency_ms, message, kind },
  hint = kind && hints[kind],
}: TestedProps) {
  if (ok) {
    return (
      <State kind="good">
        Connected: {model} responded in {latency_ms} ms.
      </State>
    )
  }
  return (
    <div>
      <State kind="bad">{model} did not respond</State>
      <Text size="sm">{message}</Text>
      {hint && (
        <Text size="sm" c="dimmed">
          {hint}
        </Text>
      )}
    </div>
  )
}

/** Fixes for each kind of failure. */
const hints: Record<string, string> = {
  bad_key: 'Choose Edit and enter a valid API key.',
  no_credit: 'Add credit to the account at the provider, then test again.',
  rate_limited: 'Wait a moment, then test again.',
  overloaded: 'Wait a moment, then test again.',
  no_such_model: 'Sync the models, or disable the missing model.',
  network: 'Check the base URL and the network connection of the server.',
  timeout: 'Check the base URL and the network connection of the server.',
  not_configured: 'Choose Edit and enter an API key or a base URL.',
  key_unreadable: 'The master key has changed. Choose Edit and enter the API key again.',
}
