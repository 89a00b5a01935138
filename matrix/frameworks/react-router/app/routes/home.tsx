import type { ReactNode } from 'react'
import { type ActionFunctionArgs, Form, redirect, useLoaderData } from 'react-router'
import { addPost, listPosts } from '../posts.server'

export async function loader(): Promise<{ titles: string[] }> {
  const posts = await listPosts()
  return { titles: posts.map(({ title }) => title) }
}

// An action that ends in a redirect: the token's cookie is with it.
export async function action({ request }: ActionFunctionArgs): Promise<Response> {
  const form = await request.formData()
  const post = await addPost(String(form.get('title')))
  throw redirect('/', { headers: { 'set-cookie': `last-post=${post.id}` } })
}

export default function Home(): ReactNode {
  const { titles } = useLoaderData<typeof loader>()
  return (
    <Form method="post">
      <input name="title" />
      <ul>
        {titles.map((title) => (
          <li key={title}>{title}</li>
        ))}
      </ul>
    </Form>
  )
}
