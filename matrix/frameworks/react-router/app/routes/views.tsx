import type { ReactNode } from 'react'
import { data, type LoaderFunctionArgs, useLoaderData } from 'react-router'
import { type Post, viewPost } from '../posts.server'

// A page whose loader writes: the whole request is run again in the primary region, whatever boundary caught the error.
export async function loader({ params }: LoaderFunctionArgs): Promise<Post> {
  const post = await viewPost(Number(params['id']))
  if (post === undefined) throw data('There is no such post.', 404)
  return post
}

export default function Views(): ReactNode {
  const { title, views } = useLoaderData<typeof loader>()
  return <p>{`${title} has ${views} views`}</p>
}
