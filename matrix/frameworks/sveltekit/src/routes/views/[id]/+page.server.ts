import { error } from '@sveltejs/kit'
import { type Post, viewPost } from '../../../lib/posts.ts'

// A page whose load function writes: the whole request is run again in the primary region, whatever made of the error.
export async function load({ params }: { params: { id: string } }): Promise<Post> {
  const post = await viewPost(Number(params.id))
  if (post === undefined) error(404, 'There is no such post.')
  return post
}
