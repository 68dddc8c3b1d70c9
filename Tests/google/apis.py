"""The APIs that the tests hold prong against, and their generated clients."""

from gapicsets.clients import Client
from gapicsets.installed import client_class, client_modules

# Module of the API version -> the Python package it is installed by.
APIS = {
    "google.cloud.container_v1": "google-cloud-container",
    "google.cloud.container_v1beta1": "google-cloud-container",
    "google.cloud.iam_admin_v1": "google-cloud-iam",
    "google.cloud.iam_credentials_v1": "google-cloud-iam",
    "google.cloud.iam_v2": "google-cloud-iam",
    "google.cloud.iam_v3": "google-cloud-iam",
    "google.cloud.translate_v3": "google-cloud-translate",
}
# Not one of those that prong is for, but one with what none of them has: explicit routing.
EXPLICIT = {"google.cloud.storage_control_v2": "google-cloud-storage-control"}
# Offers services beside its own (mixins) that none of those has.
MIXED = {"google.pubsub_v1": "google-cloud-pubsub"}


def services(apis):
    """(module, service's folder, client class) of every service of the APIs."""
    for version, package in apis.items():
        for module, service in client_modules(package):
            if module == version:
                yield version, service, client_class(version, service)


def recorded_clients(apis):
    """(client that only records, its module, its service's folder), one for each service."""
    for version, service, found in services(apis):
        yield Client(found), version, service
