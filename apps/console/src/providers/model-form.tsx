import { Button, Group, Modal, Stack, TextInput } from '@mantine/core'
import type { Provider } from '@outlast/sdk'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { outlast } from '../client.ts'
import { Refusal } from '../shell/confirm.tsx'

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
            data-autofocus
          />
          <TextInput
            label="Name"
            description="As people see it here."
            placeholder={modelId}
            maxLength={255}
            value={name}
            onChange={({ currentTarget }) => setName(currentTarget.value)}
          />
          {save.isError && <Refusal error={save.error} />}
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
