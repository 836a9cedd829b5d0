"""Image properties by the names that nova has given up mean what their current names mean."""

from __future__ import annotations

import pytest

from numafit import Flavor, Image, cpu_topology
from numafit.rules.image_fields import FIELDS, OLDER_NAMES

# one value that each kind of property takes
VALUES = (
    "true",
    "1",
    "linux",
    "x86_64",
    "hvm",
    "kvm",
    "preallocated",
    '["a"]',
    '[{"a": "b"}]',
    ">=1.0",
)


def accepted(name: str, value: str) -> bool:
    try:
        cpu_topology(Flavor("f", 1, 64), Image("i", {name: value}))
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("older", OLDER_NAMES)
def test_an_older_name_takes_what_the_current_one_takes(older: str) -> None:
    current = OLDER_NAMES[older]
    assert current in FIELDS
    taken = [value for value in VALUES if accepted(older, value)]
    assert taken
    # lists come as JSON text under the older names alone
    as_list = older in ("mappings", "block_device_mapping")
    now = [value for value in VALUES if accepted(current, value)]
    assert taken == (['[{"a": "b"}]'] if as_list else now)


# of nova's ImageMetaProps, those whose values are words or numbers of its choice
CHOSEN = [
    "hw_architecture",
    "hw_cdrom_bus",
    "hw_cpu_cores",
    "hw_cpu_max_cores",
    "hw_cpu_max_sockets",
    "hw_cpu_max_threads",
    "hw_cpu_policy",
    "hw_cpu_sockets",
    "hw_cpu_thread_policy",
    "hw_cpu_threads",
    "hw_disk_bus",
    "hw_firmware_type",
    "hw_floppy_bus",
    "hw_input_bus",
    "hw_numa_nodes",
    "hw_pci_numa_affinity_policy",
    "hw_pointer_model",
    "hw_rescue_bus",
    "hw_rescue_device",
    "hw_rng_model",
    "hw_scsi_model",
    "hw_serial_port_count",
    "hw_tpm_model",
    "hw_tpm_version",
    "hw_video_model",
    "hw_video_ram",
    "hw_vif_model",
    "hw_viommu_model",
    "hw_vm_mode",
    "hw_watchdog_action",
    "img_config_drive",
    "img_hv_type",
    "img_signature_hash_method",
    "img_signature_key_type",
    "os_secure_boot",
    "os_type",
]


@pytest.mark.parametrize("name", CHOSEN)
def test_a_word_that_nova_does_not_take_is_refused(name: str) -> None:
    assert not accepted(name, "nonsense")


def test_all_names_that_nova_still_reads_are_read() -> None:
    assert set(OLDER_NAMES) == {
        *("architecture", "owner_id", "vmware_disktype", "vmware_image_version", "vmware_ostype"),
        *("auto_disk_config", "ipxe_boot", "xenapi_device_id", "xenapi_image_compression_level"),
        *("vmware_linked_clone", "xenapi_use_agent", "xenapi_skip_agent_inject_ssh"),
        *("xenapi_skip_agent_inject_files_at_boot", "cache_in_nova", "vm_mode", "bittorrent"),
        *("mappings", "block_device_mapping", "bdm_v2", "root_device_name"),
        *("hypervisor_version_requires", "hypervisor_type"),
    }
