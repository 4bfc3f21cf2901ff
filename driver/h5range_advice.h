// Windows that a caller has announced: they are read together as soon as one of them is wanted.
#ifndef H5RANGE_ADVICE_H
#define H5RANGE_ADVICE_H

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <vector>

#include <h5range/h5range.h>

namespace h5range
{

/** What AdviseRead() has announced of the arrays of a file. The first read inside one of the windows reads all of them as one plan; what
 * is not for it waits in memory until it has been read, too. All functions may be called from several threads. */
class Advice
{
  public:
    /** Notes a window; the oldest ones give way when all together take more than nMaxBytes. */
    void Add(const h5r_object *psObject, const h5r_dataset *psDataset, const std::vector<uint64_t> &anStart, const std::vector<uint64_t> &anCount,
             uint64_t nMaxBytes);

    /** Answers a read inside a window; false when there is none, or when reading it failed: then the caller reads for itself, and hears
     * why. */
    bool Read(const h5r_object *psObject, const h5r_selection &sSel);

  private:
    enum class State
    {
        PENDING,
        LOADING,
        LOADED,
        FAILED
    };
    struct Window
    {
        const h5r_object *psObject;
        size_t nElemSize;
        std::vector<uint64_t> anStart, anCount;
        uint64_t nElems, nRead = 0;
        State eState = State::PENDING;
        std::unique_ptr<unsigned char[]> pabyData{};

        uint64_t Bytes() const
        {
            return nElems * nElemSize;
        }
        bool Holds(const h5r_object *psOther, const h5r_selection &sSel) const;
        bool IsAllOf(const h5r_selection &sSel) const;
        void Copy(const h5r_selection &sSel) const;
    };
    using Windows = std::list<std::shared_ptr<Window>>;

    std::shared_ptr<Window> Find(const h5r_object *psObject, const h5r_selection &sSel) const;
    bool Load(std::unique_lock<std::mutex> &oLock, const std::shared_ptr<Window> &poFirst, const h5r_selection &sSel);

    std::mutex m_oMutex{};
    std::condition_variable m_oLoaded{};
    Windows m_aoWindows{}; // oldest first
    uint64_t m_nBytes = 0;
};

} // namespace h5range

#endif
