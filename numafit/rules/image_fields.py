"""The image properties that nova knows, each with the kind of value that it takes.

nova types every property of an image before it looks at any of them, so a wrong word in a
property that has nothing to do with NUMA refuses the guest too. That is why all of them stand
here. Source: the fields of nova's ``ImageMetaProps`` 1.44, in nova's order, which decides what
is reported where several are wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Generic, NamedTuple, TypeVar

from numafit.model.guest import CPU_POLICIES, PCI_NUMA_POLICIES, THREAD_POLICIES
from numafit.model.values import flag
from numafit.rules.versions import PREDICATE, VERSION

T_co = TypeVar("T_co", covariant=True)


class Kind(NamedTuple, Generic[T_co]):
    """``expected``: in words. ``read`` raises what nova raises for other values: ``ValueError``,
    ``TypeError``, ``OverflowError`` or ``AttributeError``."""

    expected: str
    read: Callable[[object], T_co]


def _number(value: object) -> int:
    if isinstance(value, str | int | float):
        return int(value)
    raise TypeError(type(value).__name__)


def _text(value: object) -> str:
    if isinstance(value, str | int | float):
        return str(value)
    raise ValueError(type(value).__name__)


def _dicts(value: object) -> object:
    if not isinstance(value, list):
        raise ValueError("not a list")
    for entry in value:
        if not isinstance(entry, dict):
            raise ValueError("not a list of mappings")
        for item in entry.values():
            if item is not None:
                _text(item)
    return value


def _version_predicate(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("not text")
    for part in value.split(","):
        match = PREDICATE.fullmatch(part)
        if match is None or VERSION.fullmatch(match["version"]) is None:
            raise ValueError(part)
    return value


def _one_of(words: str) -> Kind[str]:
    known = words.split()

    def read(value: object) -> str:
        if isinstance(value, str) and value in known:
            return value
        raise ValueError("not one of the words")

    return Kind(f"one of {', '.join(known)}", read)


def _any_case(words: str, **also: str) -> Kind[str]:
    """Words in any case; ``also``: older names and what they stand for."""
    known = words.split()

    def read(value: object) -> str:
        if not isinstance(value, str):
            raise AttributeError("not text")  # nova asks the value for its lower-case form
        word = also.get(value.lower(), value.lower())
        if word in known:
            return word
        raise ValueError("not one of the words")

    return Kind(f"one of {', '.join(known)}", read)


_FLAG = Kind("true or false", flag)
NUMBER = Kind("a whole number", _number)
_TEXT = Kind("text or a number", _text)
_DICTS = Kind("a list of mappings of text", _dicts)

ARCHITECTURE = _any_case(
    "alpha armv6 armv7l armv7b aarch64 cris i686 ia64 lm32 m68k microblaze "
    "microblazeel mips mipsel mips64 mips64el openrisc parisc parisc64 ppc ppcle "
    "ppc64 ppc64le ppcemb s390 s390x sh4 sh4eb sparc sparc64 unicore32 x86_64 "
    "xtensa xtensaeb",
    i386="i686",
    i486="i686",
    i586="i686",
    x86_32="i686",
    x86_32p="i686",
    amd64="x86_64",
)
_DISK_BUS = _one_of("fdc ide sata scsi usb virtio xen lxc uml")
HYPERVISOR = _any_case(
    "baremetal bhyve docker fake hyperv ironic kqemu kvm lxc lxd openvz parallels "
    "phyp qemu test uml vbox vz vmware xen zvm prsm",
    xapi="xen",
)
_NIC = _any_case(
    "virtio ne2k_pci pcnet rtl8139 e1000 e1000e netfront spapr-vlan lan9118 "
    "sriov vmxnet vmxnet3 igb",
    virtuale1000="e1000",
    virtuale1000e="e1000e",
    virtualpcnet32="pcnet",
    virtualsriovethernetcard="sriov",
    virtualvmxnet="vmxnet",
    virtualvmxnet3="vmxnet3",
)
_SCSI = _any_case(
    "buslogic ibmvscsi lsilogic lsisas1068 lsisas1078 virtio-scsi vmpvscsi",
    lsilogicsas="lsisas1068",
    paravirtual="vmpvscsi",
)
_SIGNATURE_KEY = _one_of(
    "DSA ECC_SECP384R1 ECC_SECP521R1 ECC_SECT409K1 ECC_SECT409R1 "
    "ECC_SECT571K1 ECC_SECT571R1 RSA-PSS"
)
_SOUND = _one_of("sb16 es1370 pcspk ac97 ich6 ich9 usb virtio")
_VIDEO = _one_of("cirrus qxl vga vmvga xen virtio gop none bochs")
VM_MODE = _any_case("hvm xen uml exe", pv="xen", hv="hvm", baremetal="hvm")

FIELDS: Mapping[str, Kind[object]] = {
    "hw_architecture": ARCHITECTURE,
    "hw_emulation_architecture": ARCHITECTURE,
    "hw_auto_disk_config": _TEXT,
    "hw_boot_menu": _FLAG,
    "hw_cdrom_bus": _DISK_BUS,
    "hw_cpu_cores": NUMBER,
    "hw_cpu_sockets": NUMBER,
    "hw_cpu_max_cores": NUMBER,
    "hw_cpu_max_sockets": NUMBER,
    "hw_cpu_max_threads": NUMBER,
    "hw_cpu_policy": _one_of(" ".join(CPU_POLICIES)),
    "hw_cpu_thread_policy": _one_of(" ".join(THREAD_POLICIES)),
    "hw_cpu_realtime_mask": _TEXT,
    "hw_cpu_threads": NUMBER,
    "hw_device_id": NUMBER,
    "hw_disk_bus": _DISK_BUS,
    "hw_disk_type": _TEXT,
    "hw_floppy_bus": _DISK_BUS,
    "hw_firmware_type": _one_of("uefi bios"),
    "hw_firmware_stateless": _FLAG,
    "hw_input_bus": _one_of("usb virtio"),
    "hw_ipxe_boot": _FLAG,
    "hw_locked_memory": _FLAG,
    "hw_machine_type": _TEXT,
    "hw_mem_encryption": _FLAG,
    "hw_mem_encryption_model": _one_of("amd-sev amd-sev-es amd-sev-snp intel-tdx"),
    "hw_mem_page_size": _TEXT,
    "hw_numa_nodes": NUMBER,
    # hw_numa_cpus.N and hw_numa_mem.N are read between these two
    "hw_pci_numa_affinity_policy": _one_of(" ".join(PCI_NUMA_POLICIES)),
    "hw_pointer_model": _one_of("usbtablet"),
    "hw_pmu": _FLAG,
    "hw_qemu_guest_agent": _FLAG,
    "hw_rescue_bus": _DISK_BUS,
    "hw_rescue_device": _one_of("cdrom disk floppy fs lun"),
    "hw_rng_model": _one_of("virtio"),
    "hw_time_hpet": _FLAG,
    "hw_serial_port_count": NUMBER,
    "hw_scsi_model": _SCSI,
    "hw_video_model": _VIDEO,
    "hw_video_ram": NUMBER,
    "hw_vif_model": _NIC,
    "hw_viommu_model": _one_of("intel smmuv3 virtio auto"),
    "hw_vm_mode": VM_MODE,
    "hw_watchdog_action": _one_of("none pause poweroff reset disabled"),
    "hw_vif_multiqueue_enabled": _FLAG,
    "hw_tpm_model": _one_of("tpm-tis tpm-crb"),
    "hw_tpm_version": _one_of("1.2 2.0"),
    "hw_ephemeral_encryption": _FLAG,
    "hw_ephemeral_encryption_format": _one_of("plain luks luksv2"),
    "hw_ephemeral_encryption_secret_uuid": _TEXT,
    "hw_virtio_packed_ring": _FLAG,
    "hw_maxphysaddr_mode": _one_of("passthrough emulate"),
    "hw_maxphysaddr_bits": NUMBER,
    "hw_sound_model": _SOUND,
    "hw_usb_model": _one_of("none nec-xhci qemu-xhci"),
    "hw_redirected_usb_ports": NUMBER,
    "img_bittorrent": _FLAG,
    "img_bdm_v2": _FLAG,
    "img_block_device_mapping": _DICTS,
    "img_cache_in_nova": _FLAG,
    "img_compression_level": NUMBER,
    "img_hv_requested_version": Kind("versions such as >=6.0,<7.2", _version_predicate),
    "img_hv_type": HYPERVISOR,
    "img_config_drive": _one_of("optional mandatory"),
    "img_linked_clone": _FLAG,
    "img_mappings": _DICTS,
    "img_owner_id": _TEXT,
    "img_root_device_name": _TEXT,
    "img_use_agent": _FLAG,
    "img_version": NUMBER,
    "img_signature": _TEXT,
    "img_signature_hash_method": _one_of("SHA-224 SHA-256 SHA-384 SHA-512"),
    "img_signature_certificate_uuid": _TEXT,
    "img_signature_key_type": _SIGNATURE_KEY,
    "img_hide_hypervisor_id": _FLAG,
    "os_admin_user": _TEXT,
    "os_command_line": _TEXT,
    "os_distro": _TEXT,
    "os_require_quiesce": _FLAG,
    "os_secure_boot": _one_of("required disabled optional"),
    "os_skip_agent_inject_files_at_boot": _FLAG,
    "os_skip_agent_inject_ssh": _FLAG,
    "os_type": _any_case("linux windows"),
}

OLDER_NAMES: Mapping[str, str] = {
    "architecture": "hw_architecture",
    "owner_id": "img_owner_id",
    "vmware_disktype": "hw_disk_type",
    "vmware_image_version": "img_version",
    "vmware_ostype": "os_distro",
    "auto_disk_config": "hw_auto_disk_config",
    "ipxe_boot": "hw_ipxe_boot",
    "xenapi_device_id": "hw_device_id",
    "xenapi_image_compression_level": "img_compression_level",
    "vmware_linked_clone": "img_linked_clone",
    "xenapi_use_agent": "img_use_agent",
    "xenapi_skip_agent_inject_ssh": "os_skip_agent_inject_ssh",
    "xenapi_skip_agent_inject_files_at_boot": "os_skip_agent_inject_files_at_boot",
    "cache_in_nova": "img_cache_in_nova",
    "vm_mode": "hw_vm_mode",
    "bittorrent": "img_bittorrent",
    "mappings": "img_mappings",
    "block_device_mapping": "img_block_device_mapping",
    "bdm_v2": "img_bdm_v2",
    "root_device_name": "img_root_device_name",
    "hypervisor_version_requires": "img_hv_requested_version",
    "hypervisor_type": "img_hv_type",
}
"""Older names of properties, read first, so that the current name wins where both are set."""
