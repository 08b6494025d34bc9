import {
  ActionIcon,
  Button,
  Group,
  Modal,
  PasswordInput,
  Stack,
  Text,
  TextInput,
} from '@mantine/core'
import type { McpServer } from '@outlast/sdk'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { outlast } from '../client.ts'
import { problemAt, Refusal } from '../shell/confirm.tsx'
import { Icon } from '../shell/icon.tsx'

type Header = { key: number; name: string; value: string }

let lastKey = 0
const headerOf = (name = '', value = ''): Header => {
  lastKey += 1
  return { key: lastKey, name, value }
}

const shown = [
  'name',
  'mcp_server_exists',
  'url',
  'description',
  'api_key',
  'encryption_not_configured',
]
const originOf = (url: string) => URL.parse(url)?.origin

const headerPath = (name: string) => `headers/${name.trim()}`

/** Adds a server, or changes one. Keys and the values of headers are only ever written. */
export function ServerForm({ stored, close }: { stored?: McpServer; close: () => void }) {
  const [name, setName] = useState(stored?.name ?? '')
  const [url, setUrl] = useState(stored?.url ?? '')
  const [description, setDescription] = useState(stored?.description ?? '')
  const [key, setKey] = useState('')
  const [headers, setHeaders] = useState(() =>
    Object.entries(stored?.headers ?? {}).map(([header, value]) => headerOf(header, value)),
  )
  const moves = stored !== undefined && originOf(stored.url) !== originOf(url.trim())
  const needsKey = moves && stored.api_key_set
  const client = useQueryClient()
  const save = useMutation({
    mutationFn() {
      const body = {
        name: name.trim(),
        url: url.trim(),
        description,
        headers: Object.fromEntries(
          headers.filter((one) => one.name.trim()).map((one) => [one.name.trim(), one.value]),
        ),
        ...(key !== '' && { api_key: key }),
      }
      return stored ? outlast.mcpServers.update(stored.id, body) : outlast.mcpServers.create(body)
    },
    onSuccess() {
      client.invalidateQueries({ queryKey: ['mcp-servers'] })
      client.invalidateQueries({ queryKey: ['capabilities'] })
      close()
    },
  })
  return (
    <Modal opened onClose={close} title={stored ? stored.name : 'New MCP server'} centered>
      <form
        onSubmit={(event: FormEvent) => {
          event.preventDefault()
          save.mutate()
        }}
      >
        <Stack gap="sm">
          <TextInput
            label="Name"
            description="Models see its tools as mcp_name__tool."
            required
            maxLength={255}
            value={name}
            onChange={({ currentTarget }) => setName(currentTarget.value)}
            error={problemAt(save.error, 'name', 'mcp_server_exists')}
            data-autofocus
          />
          <TextInput
            label="URL"
            placeholder="https://mcp.example.com/mcp"
            required
            maxLength={2048}
            value={url}
            onChange={({ currentTarget }) => setUrl(currentTarget.value)}
            error={problemAt(save.error, 'url')}
          />
          <TextInput
            label="Description"
            maxLength={10_240}
            value={description}
            onChange={({ currentTarget }) => setDescription(currentTarget.value)}
            error={problemAt(save.error, 'description')}
          />
          <PasswordInput
            label="API key"
            required={needsKey}
            description={
              needsKey
                ? 'Another address needs the key and the values of headers again.'
                : stored?.api_key_set
                  ? 'One is set. What you write here takes its place.'
                  : 'Sent as a bearer token. It is stored encrypted and never shown again.'
            }
            autoComplete="off"
            maxLength={8192}
            value={key}
            onChange={({ currentTarget }) => setKey(currentTarget.value)}
            error={problemAt(save.error, 'api_key', 'encryption_not_configured')}
          />
          <Headers headers={headers} change={setHeaders} error={save.error} />
          {save.isError && (
            <Refusal
              error={save.error}
              shown={[...shown, ...headers.map((one) => headerPath(one.name))]}
            />
          )}
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

const headersMax = 100

type HeadersProps = {
  headers: Header[]
  change: (headers: Header[]) => void
  error: unknown
}

function Headers({ headers, change, error }: HeadersProps) {
  const set = (key: number, fields: Partial<Header>) =>
    change(headers.map((one) => (one.key === key ? { ...one, ...fields } : one)))
  return (
    <div>
      <Text size="sm" fw={500}>
        Headers
      </Text>
      <Text size="xs" c="dimmed" mb={4}>
        Sent with every request. Values are kept encrypted and shown as ********.
      </Text>
      <Stack gap={6}>
        {headers.map(({ key, name, value }) => (
          <Group key={key} gap={6} wrap="nowrap" align="flex-start">
            <TextInput
              aria-label="Header"
              placeholder="X-Team"
              flex={1}
              value={name}
              onChange={({ currentTarget }) => set(key, { name: currentTarget.value })}
              error={problemAt(error, headerPath(name))}
            />
            <TextInput
              aria-label={`Value of ${name || 'the header'}`}
              placeholder="Value"
              flex={1}
              autoComplete="off"
              maxLength={8192}
              value={value}
              onChange={({ currentTarget }) => set(key, { value: currentTarget.value })}
            />
            <ActionIcon
              variant="subtle"
              color="gray"
              aria-label={`Remove ${name || 'the header'}`}
              onClick={() => change(headers.filter((one) => one.key !== key))}
            >
              <Icon name="close" />
            </ActionIcon>
          </Group>
        ))}
      </Stack>
      {headers.length < headersMax && (
        <Button
          size="compact-xs"
          variant="subtle"
          mt={4}
          onClick={() => change([...headers, headerOf()])}
        >
          Add a header
        </Button>
      )}
    </div>
  )
}
