import { Alert, Button, Group, Text } from '@mantine/core'
import type { SessionFile } from '@outlast/sdk'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { invalidate, outlast } from '../client.ts'
import { statusOf } from '../errors.ts'
import { fileQuery, fileTreeQuery } from '../queries/files.ts'
import { Picture } from '../sessions/parts/picture.tsx'
import { Confirm } from '../shell/controls/confirm.tsx'
import { Failure } from '../shell/screen/screen.tsx'
import { escaped } from '../shell/text/escapes.ts'
import { bytesOf, imageTypeOf, sizeOf } from './content.ts'
import { Editor } from './editor.tsx'
import { NameForm } from './name-form.tsx'
import { saveBlob } from './save.ts'

type FileViewProps = { sessionId: string; path: string; show: Show }
/** `isLost`: the open file is gone, and unsaved changes with it. */
type Show = (path: string | undefined, isLost?: boolean) => void

/** Larger files are shown read-only and cut. */
const editableMax = 1024 * 1024

/** The open file. */
export function FileView({ sessionId, path, show }: FileViewProps) {
  const file = useQuery(fileQuery(sessionId, path))
  const [isDirty, setDirty] = useState(false)
  return (
    <section className="file" aria-label={escaped(path)}>
      <Tools {...{ sessionId, path, show, isDirty }} file={file.data} />
      {file.error && <NotRead error={file.error} retry={file.refetch} />}
      {file.data && <Content sessionId={sessionId} file={file.data} onDirty={setDirty} />}
    </section>
  )
}

function NotRead({ error, retry }: { error: unknown; retry: () => unknown }) {
  if (statusOf(error) !== 404) return <Failure error={error} retry={retry} />
  return (
    <Alert color="yellow" m="sm" role="alert" title="File not found">
      It was deleted or renamed.
    </Alert>
  )
}

type ContentProps = {
  sessionId: string
  file: SessionFile
  onDirty: (isDirty: boolean) => void
}

function Content({ sessionId, file, onDirty }: ContentProps) {
  const type = imageTypeOf(file.name)
  if (file.encoding === 'base64' && type) {
    return (
      <div className="file-body">
        <Picture part={{ base64: file.content ?? '', media_type: type }} name={file.name} />
      </div>
    )
  }
  if (file.encoding === 'base64') {
    return <Text className="file-body">This file is binary. Download it to view its content.</Text>
  }
  if (file.size_bytes > editableMax) {
    return <pre className="file-body">{file.content?.slice(0, editableMax)}</pre>
  }
  return <Editor sessionId={sessionId} file={file} onDirty={onDirty} />
}

type ToolsProps = FileViewProps & { file: SessionFile | undefined; isDirty: boolean }

function Tools({ sessionId, path, file, show, isDirty }: ToolsProps) {
  const [asked, setAsked] = useState<'rename' | 'delete'>()
  const close = () => setAsked(undefined)
  const left = async (to: string | undefined) => {
    await invalidate(fileTreeQuery(sessionId).queryKey)
    show(to, true)
  }
  return (
    <Group className="file-tools" gap={4}>
      <span className="file-path">{escaped(path)}</span>
      {file && <span className="tree-size">{sizeOf(file.size_bytes)}</span>}
      <Button
        size="compact-xs"
        variant="subtle"
        disabled={!file}
        onClick={() => file && saveBlob(new Blob([bytesOf(file)]), file.name)}
      >
        Download
      </Button>
      <Button
        size="compact-xs"
        variant="subtle"
        disabled={isDirty}
        onClick={() => setAsked('rename')}
      >
        Rename
      </Button>
      <Button size="compact-xs" variant="subtle" color="red" onClick={() => setAsked('delete')}>
        Delete
      </Button>
      <Button size="compact-xs" variant="subtle" color="gray" onClick={() => show(undefined)}>
        Close
      </Button>
      {asked === 'rename' && (
        <NameForm
          title="Rename file"
          action="Rename file"
          initial={path}
          close={close}
          submit={async (to) => {
            const moved = { src_path: path, dst_path: to }
            await left((await outlast.files.move(sessionId, moved)).path)
          }}
        />
      )}
      {asked === 'delete' && (
        <Confirm
          title={`Delete ${path}?`}
          verb="Delete file"
          done="File deleted"
          close={close}
          act={async () => {
            await outlast.files.delete(sessionId, path)
            await left(undefined)
          }}
        >
          The file is deleted for you and for the agent. This cannot be undone.
        </Confirm>
      )}
    </Group>
  )
}
