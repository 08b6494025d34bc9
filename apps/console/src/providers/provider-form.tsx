import { Button, Group, Modal, PasswordInput, Select, Stack, TextInput } from '@mantine/core'
import type { Provider, ProviderType } from '@outlast/sdk'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { outlast } from '../client.ts'
import { problemAt, Refusal } from '../shell/confirm.tsx'
import { vendorOf, vendors } from './vendors.ts'

const choices = vendors.map(({ type, label }) => ({ value: type, label }))

const shown = ['name', 'base_url', 'api_key', 'encryption_not_configured']

/** True for an address that the stored key may not be sent to. */
function movesFrom(stored: Provider, { type, address }: { type: ProviderType; address: string }) {
  const next = address || stored.base_url
  if (!next) return type !== stored.provider_type
  return URL.parse(next)?.origin !== URL.parse(stored.base_url ?? '')?.origin
}

/** Adds a provider, or changes one. A key is only ever written. */
export function ProviderForm({ stored, close }: { stored?: Provider; close: () => void }) {
  const [type, setType] = useState<ProviderType>(stored?.provider_type ?? 'openai')
  const [name, setName] = useState(stored?.name ?? '')
  const [address, setAddress] = useState(stored?.base_url ?? '')
  const [key, setKey] = useState('')
  const client = useQueryClient()
  const vendor = vendorOf(type)
  // It can be changed, not taken away.
  const hasAddress = stored?.base_url !== undefined
  const moves = stored?.api_key_set === true && movesFrom(stored, { type, address: address.trim() })
  const save = useMutation({
    mutationFn() {
      const body = {
        name: name.trim() || vendor.label,
        provider_type: type,
        ...(address.trim() !== '' && { base_url: address.trim() }),
        ...(key !== '' && { api_key: key }),
      }
      return stored ? outlast.providers.update(stored.id, body) : outlast.providers.create(body)
    },
    onSuccess() {
      client.invalidateQueries({ queryKey: ['providers'] })
      client.invalidateQueries({ queryKey: ['models'] })
      close()
    },
  })
  return (
    <Modal opened onClose={close} title={stored ? stored.name : 'New provider'} centered>
      <form
        onSubmit={(event: FormEvent) => {
          event.preventDefault()
          save.mutate()
        }}
      >
        <Stack gap="sm">
          <Select
            label="Type"
            description={vendor.hint}
            data={choices}
            allowDeselect={false}
            value={type}
            onChange={(value) => value && setType(value as ProviderType)}
          />
          <TextInput
            label="Name"
            placeholder={vendor.label}
            maxLength={255}
            value={name}
            onChange={({ currentTarget }) => setName(currentTarget.value)}
            error={problemAt(save.error, 'name')}
            data-autofocus
          />
          {type !== 'llmsim' && (
            <>
              <TextInput
                label="Base URL"
                description={
                  vendor.needsAddress
                    ? undefined
                    : hasAddress
                      ? `The vendor's own is ${vendor.address}.`
                      : 'Only for a proxy of your own.'
                }
                placeholder={vendor.address}
                required={vendor.needsAddress || hasAddress}
                maxLength={2048}
                value={address}
                onChange={({ currentTarget }) => setAddress(currentTarget.value)}
                error={problemAt(save.error, 'base_url')}
              />
              <PasswordInput
                label="API key"
                required={moves}
                description={
                  moves
                    ? 'Another address needs the key again.'
                    : stored?.api_key_set
                      ? 'One is set. What you write here takes its place.'
                      : 'It is stored encrypted and never shown again.'
                }
                autoComplete="off"
                maxLength={8192}
                value={key}
                onChange={({ currentTarget }) => setKey(currentTarget.value)}
                error={problemAt(save.error, 'api_key', 'encryption_not_configured')}
              />
            </>
          )}
          {save.isError && <Refusal error={save.error} shown={shown} />}
          <Group justify="flex-end">
            <Button type="submit" loading={save.isPending}>
              {stored ? 'Save' : 'Add'}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  )
}
