"""Speak with Dataverse and Entra: the one place that knows OData, MSAL and their HTTP.

`queries`, `batches` and `errors` are pure; `tokens` and `client` do the talking; `probe` tests a
connection and says in words what is wrong.
"""
