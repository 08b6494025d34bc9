import { Button, Group, Modal, Stack, TextInput } from '@mantine/core'
import type { Provider } from '@outlast/sdk'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { outlast } from '../client.ts'
import { problemAt, Refusal } from '../shell/confirm.tsx'

const shown = ['model_id', 'model_exists', 'display_name']

/** Adds a model that its vendor does not list. */
export function ModelForm({ provider, close }: { provider: Provider; close: () => void }) {
  const [modelId, setModelId] = useState('')
  const [name, setName] = useState('')
  const client = useQueryClient()
  const save = useMutation({
    mutationFn: () =>
      outlast.providers.createModel(provider.id, {
        model_id: modelId.trim(),
        display_name: name.trim() || modelId.trim(),
      }),
    onSuccess() {
      client.invalidateQueries({ queryKey: ['models'] })
      close()
    },
  })
  return (
    <Modal opened onClose={close} title={`A model of ${provider.name}`} centered>
      <form
        onSubmit={(event: FormEvent) => {
          event.preventDefault()
          save.mutate()
        }}
      >
        <Stack gap="sm">
          <TextInput
            label="Model"
            description="As the vendor calls it."
            required
            maxLength={255}
            value={modelId}
            onChange={({ currentTarget }) => setModelId(currentTarget.value)}
            error={problemAt(save.error, 'model_id', 'model_exists')}
            data-autofocus
          />
          <TextInput
            label="Name"
            description="As people see it here."
            placeholder={modelId}
            maxLength={255}
            value={name}
            onChange={({ currentTarget }) => setName(currentTarget.value)}
            error={problemAt(save.error, 'display_name')}
          />
          {save.isError && <Refusal error={save.error} shown={shown} />}
          <Group justify="flex-end">
            <Button type="submit" loading={save.isPending}>
              Add
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  )
}
