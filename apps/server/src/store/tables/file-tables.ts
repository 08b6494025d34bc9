import type { Generated } from 'kysely'
import type { Time } from '../columns.ts'

export type BlobsTable = {
  org_id: string
  hash: string
  bytes: Buffer
  created_at: Time
}

export type FilesTable = {
  org_id: string
  session_id: string
  path: string
  directory: string
  id: string
  is_directory: boolean
  is_readonly: boolean
  hash: string | null
  size_bytes: number
  created_at: Time
  updated_at: Time
}

export type ImagesTable = {
  org_id: string
  id: string
  session_id: string | null
  used_by: string | null
  filename: string
  content_type: string
  width: number
  height: number
  hash: string
  size_bytes: number
  created_at: Generated<Time>
}
