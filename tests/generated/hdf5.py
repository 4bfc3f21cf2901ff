"""The C interface of the libhdf5 that h5py's wheel carries: what the generator and the oracle call of it.

h5py's own layer lacks half of what a file may have (shared messages, chunk options, standard references, filtered groups, ...), and it
converts values on the way. A call that libhdf5 refuses raises Refused; H5.Fcreate is H5Fcreate.
"""
import ctypes as C
import glob
import os

os.environ["HDF5_USE_FILE_LOCKING"] = "FALSE"
os.environ["HDF5_EXTFILE_PREFIX"] = "${ORIGIN}"
import h5py  # noqa: E402
import hdf5plugin  # noqa: E402,F401  registers its filters

UNLIMITED = UNDEFINED = 0xFFFFFFFFFFFFFFFF
DEFAULT = ALL = 0

# One letter for the result, one for each argument.
LETTERS = {"h": C.c_int64, "i": C.c_int, "u": C.c_uint, "z": C.c_size_t, "Q": C.c_uint64, "q": C.c_int64, "s": C.c_char_p, "p": C.c_void_p,
           "b": C.c_bool, "d": C.c_double}
CALLS = {}
for line in """
open i; Eset_auto2 ihpp; Eclear2 ih; Ewalk2 ihipp; free_memory ip
Fcreate hsuhh; Fopen hsuh; Fclose ih; Fflush ihi; Fget_create_plist hh; Fget_info2 ihp
Pcreate hh; Pclose ih; Pset_fclose_degree ihi; Pset_libver_bounds ihii; Pset_sizes ihzz; Pset_sym_k ihuu; Pset_istore_k ihu; Pset_userblock ihQ
Pset_file_space_strategy ihibQ; Pset_file_space_page_size ihQ; Pset_shared_mesg_nindexes ihu; Pset_shared_mesg_index ihuuu
Pset_shared_mesg_phase_change ihuu; Pset_link_creation_order ihu; Pset_link_phase_change ihuu; Pset_attr_creation_order ihu
Pset_attr_phase_change ihuu; Pset_obj_track_times ihb; Pset_local_heap_size_hint ihz; Pset_est_link_info ihuu; Pset_deflate ihu
Pset_shuffle ih; Pset_fletcher32 ih; Pset_szip ihuu; Pset_nbit ih; Pset_scaleoffset ihii; Pset_filter ihiuzp; Pset_chunk ihip
Pset_chunk_opts ihu; Pset_layout ihi; Pset_fill_value ihhp; Pset_fill_time ihi; Pset_alloc_time ihi; Pset_external ihsqQ
Pset_virtual ihhssh; Pset_char_encoding ihi; Pset_meta_block_size ihQ; Pset_alignment ihQQ; Pset_fapl_family ihQh
Pset_fapl_split ihshsh; Pset_copy_object ihu; Pset_small_data_block_size ihQ; Pset_create_intermediate_group ihu
Pget_sizes ihpp; Pget_userblock ihp; Pget_layout ih; Pget_chunk ihip; Pget_nfilters ih; Pget_filter2 ihupppzpp; Pget_external_count ih
Pget_external ihuzppp; Pfill_value_defined ihp; Pget_fill_time ihp; Pget_fill_value ihhp; Pget_virtual_count ihp; Pget_virtual_vspace hhz
Pget_virtual_srcspace hhz; Pget_virtual_filename qhzpz; Pget_virtual_dsetname qhzpz; Pget_attr_creation_order ihp
Pget_link_creation_order ihp; Pget_chunk_opts ihp
Gcreate2 hhshhh; Gget_create_plist hh
Lcreate_hard ihshshh; Lcreate_soft ishshh; Lcreate_external isshshh; Lcreate_ud ihsipzhh; Lregister ip; Ldelete ihsh; Lmove ihshshh
Literate2 ihiippp; Lget_val ihspzh; Lunpack_elink_val ipzppp
Oopen hhsh; Oclose ih; Oget_info3 ihpu; Oget_comment qhpz; Oset_comment ihs; Ocopy ihshshh; Oexists_by_name ihsh; Odisable_mdc_flushes ih
Acreate2 hhshhhh; Awrite ihhp; Aread ihhp; Aclose ih; Adelete ihs; Arename ihss; Aopen_by_idx hhsiiQhh; Aget_name qhzp; Aget_info ihp
Aget_type hh; Aget_space hh; Aexists ihs
Dcreate2 hhshhhhh; Dwrite ihhhhhp; Dread ihhhhhp; Dclose ih; Dset_extent ihp; Dget_space hh; Dget_type hh; Dget_create_plist hh
Dget_offset Qh; Dget_storage_size Qh; Dchunk_iter ihhpp; Dwrite_chunk ihhupzp; Dget_chunk_storage_size ihpp
Screate hi; Screate_simple hipp; Sclose ih; Sselect_hyperslab ihipppp; Sselect_elements ihizp; Sselect_none ih; Sselect_all ih
Sget_simple_extent_type ih; Sget_simple_extent_ndims ih; Sget_simple_extent_dims ihpp; Sget_select_type ih; Sget_select_npoints qh
Sget_select_elem_pointlist ihQQp; Sget_select_hyper_nblocks qh; Sget_select_hyper_blocklist ihQQp; Sis_regular_hyperslab ih
Sget_regular_hyperslab ihpppp; Scopy hh
Tcreate hiz; Tcopy hh; Tclose ih; Tinsert ihszh; Tenum_create hh; Tenum_insert ihsp; Tvlen_create hh; Tarray_create2 hhup; Tcomplex_create hh
Tset_size ihz; Tset_order ihi; Tset_precision ihz; Tset_offset ihz; Tset_pad ihii; Tset_sign ihi; Tset_fields ihzzzzz; Tset_ebias ihz
Tset_norm ihi; Tset_inpad ihi; Tset_cset ihi; Tset_strpad ihi; Tset_tag ihs; Tcommit2 ihshhhh; Tpack ih; Tcommitted ih
Tget_class ih; Tget_size zh; Tget_order ih; Tget_precision zh; Tget_offset ih; Tget_pad ihpp; Tget_sign ih; Tget_fields ihppppp
Tget_ebias zh; Tget_norm ih; Tget_inpad ih; Tget_cset ih; Tget_strpad ih; Tis_variable_str ih; Tget_tag ph; Tget_nmembers ih
Tget_member_name phu; Tget_member_offset zhu; Tget_member_type hhu; Tget_member_value ihup; Tget_super hh; Tget_array_ndims ih
Tget_array_dims2 ihp; Tequal ihh; Tget_create_plist hh
Rcreate iphsih; Rcreate_object ihshp; Rcreate_region ihshhp; Rcreate_attr ihsshp; Rdestroy ip; Rdereference2 hhhip; Rget_region hhip
Rget_type ip; Ropen_region hphh; Rget_attr_name qppz; Zfilter_avail ii; Treclaim ihhhp
""".replace("\n", ";").split(";"):
    if line.strip():
        name, letters = line.split()
        CALLS[name] = letters


class Refused(Exception):
    pass


class Token(C.Structure):
    _fields_ = [("bytes", C.c_uint8 * 16)]

    @property
    def address(self):
        return int.from_bytes(bytes(self.bytes)[:8], "little")


class ObjectInfo(C.Structure):
    _fields_ = [("file", C.c_ulong), ("token", Token), ("type", C.c_int), ("refs", C.c_uint), ("times", C.c_int64 * 4),
                ("n_attributes", C.c_uint64)]


class LinkTarget(C.Union):
    _fields_ = [("token", Token), ("value_size", C.c_size_t)]


class LinkInfo(C.Structure):
    _anonymous_ = ["target"]
    _fields_ = [("type", C.c_int), ("has_order", C.c_bool), ("order", C.c_int64), ("cset", C.c_int), ("target", LinkTarget)]


class AttributeInfo(C.Structure):
    _fields_ = [("has_order", C.c_bool), ("order", C.c_uint), ("cset", C.c_int), ("size", C.c_uint64)]


class FileInfo(C.Structure):
    _fields_ = [("superblock", C.c_uint), ("rest", C.c_uint64 * 10)]


class ErrorEntry(C.Structure):
    _fields_ = [("ids", C.c_int64 * 3), ("line", C.c_uint), ("function", C.c_char_p), ("file", C.c_char_p), ("text", C.c_char_p)]


class LinkClass(C.Structure):
    _fields_ = [("version", C.c_int), ("id", C.c_int), ("comment", C.c_char_p)] + [(k, C.c_void_p) for k in ("create", "move", "copy")] + [
        ("traverse", C.c_void_p), ("delete", C.c_void_p), ("query", C.c_void_p)]


class Sequence(C.Structure):
    _fields_ = [("n", C.c_size_t), ("p", C.c_void_p)]


ON_LINK = C.CFUNCTYPE(C.c_int, C.c_int64, C.c_char_p, C.POINTER(LinkInfo), C.c_void_p)
ON_CHUNK = C.CFUNCTYPE(C.c_int, C.POINTER(C.c_uint64), C.c_uint, C.c_uint64, C.c_uint64, C.c_void_p)
ON_ERROR = C.CFUNCTYPE(C.c_int, C.c_uint, C.POINTER(ErrorEntry), C.c_void_p)
ON_TRAVERSE = C.CFUNCTYPE(C.c_int64, C.c_char_p, C.c_int64, C.c_void_p, C.c_size_t, C.c_int64, C.c_int64)

library = C.CDLL(glob.glob(os.path.join(os.path.dirname(os.path.dirname(h5py.__file__)), "h5py.libs", "libhdf5-*.so*"))[0])


class Calls:
    def __getattr__(self, name):
        function = getattr(library, "H5" + name) if name not in ("Dread_chunk",) else library.H5Dread_chunk1
        letters = CALLS[name]
        function.restype = LETTERS[letters[0]]
        function.argtypes = [LETTERS[x] for x in letters[1:]]
        if letters[0] not in "hiq" or name in ("Ewalk2", "Eclear2"):
            call = function
        else:
            def call(*arguments):
                result = function(*arguments)
                if result < 0:
                    raise Refused("%s: %s" % (name, reason()))
                return result
        setattr(self, name, call)
        return call


H5 = Calls()


def reason():
    texts = []
    H5.Ewalk2(0, 0, C.cast(ON_ERROR(lambda n, e, data: texts.append(e[0].text) or 0), C.c_void_p), None)
    H5.Eclear2(0)
    return (texts[0] or b"").decode("latin-1") if texts else "no reason given"


def constant(name):
    """A datatype (STD_I8LE) or property list class (P_FILE_CREATE) of the library."""
    if name.startswith("P_"):
        return C.c_int64.in_dll(library, "H5P_CLS_%s_ID_g" % name[2:]).value
    return C.c_int64.in_dll(library, "H5T_%s_g" % name).value


def numbers(values):
    values = list(values)
    return (C.c_uint64 * max(1, len(values)))(*values)


def plist(name):
    return H5.Pcreate(constant("P_" + name))


def simple(dims, maximum=None):
    return H5.Screate_simple(len(dims), numbers(dims), None if maximum is None else numbers(maximum))


H5.open()
H5.Eset_auto2(0, None, None)
