import { Type } from 'typebox'
import { ToolError } from '../../capability.ts'
import { addRow, Line, noInput, strict } from '../session-document.ts'
import { aws, regionOf } from './aws.ts'

const listBuckets = aws.reads({
  name: 'aws_list_s3_buckets',
  description: 'Lists the buckets of the account.',
  input: noInput,
  run: (_, { buckets }) => ({ buckets, total_count: buckets.length }),
})

const createBucket = aws.changes({
  name: 'aws_create_s3_bucket',
  description: 'Creates a bucket. Its name must be new.',
  input: Type.Object(
    {
      bucket_name: Type.String({
        pattern: '^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$',
        description: '3 to 63 lowercase letters, digits, dots and hyphens.',
      }),
      region: Type.Optional(Line()),
      versioning_enabled: Type.Optional(Type.Boolean({ default: false })),
      encryption_enabled: Type.Optional(Type.Boolean({ default: true })),
    },
    strict,
  ),
  run: (input, { buckets }, config) => {
    const { bucket_name, versioning_enabled = false, encryption_enabled = true } = input
    if (buckets.some((bucket) => bucket.bucket_name === bucket_name)) {
      throw new ToolError(`Bucket ${bucket_name} exists already`)
    }
    const region = input.region ?? regionOf(config)
    const created_at = new Date().toISOString()
    const bucket = { bucket_name, region, versioning_enabled, encryption_enabled, created_at }
    addRow(buckets, bucket, 'buckets')
    return { bucket_name, status: 'created', region, versioning_enabled, encryption_enabled }
  },
})

export const storageTools = { reading: [listBuckets], changing: [createBucket] }
