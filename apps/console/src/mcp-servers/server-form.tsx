import { ActionIcon, Button, Group, PasswordInput, Stack, Text, TextInput } from '@mantine/core'
import type { McpServer } from '@outlast/sdk'
import { outlast } from '../client.ts'
import { FormModal } from '../form/form-modal.tsx'
import { type SaveForm, useSaveForm } from '../form/use-save-form.ts'
import { mcpServersChanged } from '../queries/mcp-servers.ts'
import { Icon } from '../shell/controls/icon.tsx'
import {
  type Header,
  isElsewhere,
  type McpServerDraft,
  mcpServerBody,
  mcpServerDraft,
  nextKey,
} from './draft.ts'

/** Creates or changes a server. Keys and header values are write-only. */
export function ServerForm({ stored, close }: { stored?: McpServer; close: () => void }) {
  const form = useSaveForm({
    stored,
    draftOf: mcpServerDraft,
    save: (draft, base) =>
      base
        ? outlast.mcpServers.update(base.id, mcpServerBody(draft))
        : outlast.mcpServers.create(mcpServerBody(draft)),
    done: 'MCP server saved',
    onSaved() {
      mcpServersChanged()
      close()
    },
  })
  const needsKey = stored?.api_key_set === true && isElsewhere(stored, form.draft)
  return (
    <FormModal
      form={form}
      title={stored ? stored.name : 'New MCP server'}
      verb={stored ? 'Save server' : 'Add server'}
      close={close}
    >
      <TextInput
        label="Name"
        description="Tool names have the form mcp_name__tool."
        required
        maxLength={255}
        {...form.text('name', 'mcp_server_exists')}
        data-autofocus
      />
      <TextInput
        label="URL"
        placeholder="https://mcp.example.com/mcp"
        required
        maxLength={2048}
        {...form.text('url')}
      />
      <TextInput label="Description" maxLength={10_240} {...form.text('description')} />
      <PasswordInput
        label="API key"
        required={needsKey}
        description={
          needsKey
            ? 'The host changed. Enter the key and the header values again.'
            : stored?.api_key_set
              ? 'A key is set. A new value replaces it.'
              : 'Sent as a bearer token. Stored encrypted and never shown again.'
        }
        autoComplete="off"
        maxLength={8192}
        {...form.text('api_key', 'encryption_not_configured')}
      />
      <Headers form={form} />
    </FormModal>
  )
}

const headersMax = 100

function Headers({ form }: { form: SaveForm<McpServerDraft, McpServer> }) {
  const { headers } = form.draft
  const set = (key: number, fields: Partial<Header>) =>
    form.change({ headers: headers.map((one) => (one.key === key ? { ...one, ...fields } : one)) })
  return (
    <div>
      <Text size="sm" fw={500}>
        Headers
      </Text>
      <Text size="xs" c="dimmed" mb={4}>
        Sent with every request. Values are stored encrypted and shown as ********.
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
              error={form.problem(`headers/${name.trim()}`)}
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
              onClick={() => form.change({ headers: headers.filter((one) => one.key !== key) })}
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
          onClick={() =>
            form.change({ headers: [...headers, { key: nextKey(headers), name: '', value: '' }] })
          }
        >
          Add header
        </Button>
      )}
    </div>
  )
}
