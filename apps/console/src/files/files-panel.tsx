import './files.css'
import { Button, FileButton, Group } from '@mantine/core'
import { useMutation, useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useState } from 'react'
import { invalidate, outlast } from '../client.ts'
import { fileKeys, fileTreeQuery } from '../queries/files.ts'
import { upload } from '../sessions/composer/attachments.ts'
import { Problem } from '../shell/screen/problem.tsx'
import { Empty, Failure } from '../shell/screen/screen.tsx'
import { Skeleton } from '../shell/screen/skeleton.tsx'
import { FileView } from './file-view.tsx'
import { NameForm } from './name-form.tsx'
import { Tree } from './tree.tsx'

/** The files of a session: a tree, and the open file. */
export function FilesPanel({ sessionId }: { sessionId: string }) {
  const { file } = useSearch({ from: '/sessions/$sessionId' })
  const navigate = useNavigate({ from: '/sessions/$sessionId' })
  const show = (path: string | undefined, isLost = false) =>
    navigate({ search: (before) => ({ ...before, file: path }), ignoreBlocker: isLost })
  const files = useQuery(fileTreeQuery(sessionId))
  const failure = files.error && <Failure error={files.error} retry={files.refetch} />
  if (failure && !files.data) return failure
  return (
    <>
      {failure}
      <Making sessionId={sessionId} show={show} />
      {files.isPending && <Skeleton />}
      {files.data?.length === 0 && (
        <Empty title="No files yet">
          Files that the agent writes or you upload appear here. They are deleted with the session.
        </Empty>
      )}
      <div className="files">
        <div className="files-tree">
          <Tree files={files.data ?? []} chosen={file} show={show} />
        </div>
        {file && <FileView key={file} sessionId={sessionId} path={file} show={show} />}
      </div>
    </>
  )
}

type MakingProps = { sessionId: string; show: (path: string) => void }

function Making({ sessionId, show }: MakingProps) {
  const [isNaming, setNaming] = useState(false)
  const fresh = () => invalidate(fileKeys(sessionId))
  const send = useMutation({
    async mutationFn(files: File[]) {
      let path = ''
      for (const file of files) path = await upload(sessionId, '', file)
      return path
    },
    onSuccess: (path) => path && show(path),
    onSettled: fresh,
  })
  return (
    <Group className="panel-tools" gap="xs">
      <Button size="xs" variant="default" onClick={() => setNaming(true)}>
        New file
      </Button>
      <FileButton multiple onChange={(files) => send.mutate(files)}>
        {(props) => (
          <Button {...props} size="xs" variant="default" loading={send.isPending}>
            Upload files
          </Button>
        )}
      </FileButton>
      <Problem error={send.error} />
      {isNaming && (
        <NameForm
          title="New file"
          action="Create file"
          initial="/"
          close={() => setNaming(false)}
          submit={async (path) => {
            const made = await outlast.files.create(sessionId, path, { content: '' })
            await fresh()
            show(made.path)
          }}
        />
      )}
    </Group>
  )
}
